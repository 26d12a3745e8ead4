import { absolute, relative } from './format.js';

const STATES = { active: 'Active', idle: 'Idle', expired: 'Expired', ended: 'Ended' };
const REASONS = {
  revoked: 'by hand',
  'revoked-all': 'all sessions of the user',
  'single-login': 'by a later login',
  'session-limit': 'by the session limit',
  'reuse-detected': 'refresh token reused',
  expired: 'after expiry',
};
/** Whether the app keeps the rows of ended sessions. */
export const keepsEnded = document.body.dataset.ended === 'kept';
/** The text for a missing date. */
const ABSENT = {
  expiresAt: 'never',
  refreshUntil: 'no refresh token',
  sessionExpiresAt: 'none',
  revokedAt: 'no',
};

/** Writes a session into the slots of a row or dialog, always as text, never as markup. */
export function show(place, session) {
  const texts = {
    id: session.id,
    user: session.userLabel || session.userId,
    userId: session.userLabel ? `id ${session.userId}` : '',
    state: STATES[session.state],
    how: [session.type, REASONS[session.revokedReason]].filter(Boolean).join(', '),
    context: inShort(session.context),
    contextInFull: JSON.stringify(session.context, null, 2),
  };
  for (const slot of place.querySelectorAll('[data-slot]')) {
    const name = slot.dataset.slot;
    if (slot.localName === 'time') showDate(slot, session[name], ABSENT[name]);
    else slot.textContent = texts[name];
    if (name === 'state') slot.dataset.state = session.state;
  }
}

export const nameOf = ({ userLabel, userId }) => (userLabel ? `${userLabel} (id ${userId})` : `user ${userId}`);

export const isOver = ({ state }) => state === 'ended' || state === 'expired';

function showDate(slot, iso, absent) {
  slot.replaceChildren();
  slot.classList.toggle('absent', !iso);
  if (!iso) {
    slot.removeAttribute('datetime');
    slot.textContent = absent;
    return;
  }
  slot.dateTime = iso;
  const distance = document.createElement('small');
  distance.textContent = relative(iso);
  slot.append(absolute(iso), ' ', distance);
}

function inShort(context) {
  const entries = Object.entries(context);
  return entries
    .map(([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' · ');
}
