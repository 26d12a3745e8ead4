import * as api from './api.js';
import { attempt, open } from './dialog.js';
import { fromLocal, toLocal } from './format.js';
import { isOver, keepsEnded, show } from './session.js';

const dialog = document.getElementById('details');
const dates = document.getElementById('dates');
const revoke = dialog.querySelector('[data-action=revoke]');
const remove = dialog.querySelector('[data-action=delete]');

/** Shows one session in full. `on` has the handlers `revoke`, `delete` and, after a change, `changed`. */
export function openDetails(session, on) {
  let current = session;
  dialog.querySelector('.failure').textContent = '';
  fill(session);
  const signal = open(dialog);
  const leave = () => dialog.close();
  revoke.addEventListener('click', () => on.revoke(current, leave), { signal });
  remove.addEventListener('click', () => on.delete(current, leave), { signal });
  dates.addEventListener(
    'submit',
    async (event) => {
      event.preventDefault();
      const answer = await attempt(dates, () => api.setDates(session.id, changedDates(current)));
      if (!answer) return;
      current = answer.session;
      fill(current);
      on.changed('The dates have been saved.');
    },
    { signal },
  );
}

function fill(session) {
  show(dialog, session);
  dates.hidden = session.state === 'ended';
  dates.expiresAt.value = session.expiresAt ? toLocal(session.expiresAt) : '';
  dates.refreshUntil.value = session.refreshUntil ? toLocal(session.refreshUntil) : '';
  dates.refreshUntil.disabled = !session.refreshUntil;
  revoke.hidden = isOver(session);
  remove.hidden = keepsEnded && session.state === 'ended';
}

/** Only changed fields are sent: they show whole seconds, and sessions have milliseconds. */
function changedDates(session) {
  const changed = {};
  for (const { name, value, disabled } of [dates.expiresAt, dates.refreshUntil]) {
    const before = session[name] ? toLocal(session[name]) : '';
    if (!disabled && value !== before) changed[name] = value === '' ? null : fromLocal(value);
  }
  return changed;
}
