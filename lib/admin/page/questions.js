import { confirm } from './dialog.js';
import { keepsEnded, nameOf } from './session.js';

export const wantsRevoke = (session) =>
  confirm({
    title: 'Revoke this session?',
    text: `The next request logs ${nameOf(session)} out on this device. This cannot be undone.`,
    yes: 'Revoke',
  });

export const wantsRevokeAll = (userId) =>
  confirm({
    title: 'Revoke all sessions of this user?',
    text: `The next request logs user ${userId} out on every device. This cannot be undone.`,
    yes: 'Revoke all',
  });

export const wantsDelete = (session) =>
  confirm({
    title: 'Delete this session?',
    text: `The session of ${nameOf(session)} ends. ${keepsEnded ? 'Its row is kept for your records.' : 'Its row is deleted.'} This cannot be undone.`,
    yes: 'Delete',
  });
