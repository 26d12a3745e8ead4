import { confirm } from './dialog.js';
import { keepsEnded, nameOf } from './session.js';

export const wantsRevoke = (session) =>
  confirm({
    title: 'Revoke this session?',
    text: `With the next request ${nameOf(session)} is logged out on this device. This cannot be undone.`,
    yes: 'Revoke',
  });

export const wantsRevokeAll = (userId) =>
  confirm({
    title: 'Revoke all sessions of this user?',
    text: `With the next request user ${userId} is logged out everywhere. This cannot be undone.`,
    yes: 'Revoke all',
  });

export const wantsDelete = (session) =>
  confirm({
    title: 'Delete this session?',
    text: `The session of ${nameOf(session)} ends. ${keepsEnded ? 'Its row is kept for the record.' : 'Nothing of it remains.'} This cannot be undone.`,
    yes: 'Delete',
  });
