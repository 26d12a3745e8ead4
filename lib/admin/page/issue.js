import * as api from './api.js';
import { attempt, open } from './dialog.js';

const dialog = document.getElementById('issue');
const form = document.getElementById('issue-form');
const issued = document.getElementById('issued');
const copied = document.getElementById('copied');

/** Issues tokens, and shows them only until the dialog is closed. */
export function openIssue(userId, onIssued) {
  form.reset();
  form.querySelector('.failure').textContent = '';
  if (userId) form.userId.value = userId;
  form.hidden = false;
  issued.hidden = true;
  toggleRefresh();
  const signal = open(dialog);
  form.addEventListener(
    'submit',
    async (event) => {
      event.preventDefault();
      const pair = await attempt(form, () => api.issue(requestOf()));
      if (!pair) return;
      showOnce(pair, signal);
      onIssued();
    },
    { signal },
  );
}

form.noRefresh.addEventListener('change', toggleRefresh);

function toggleRefresh() {
  form.refreshExpiresIn.disabled = form.noRefresh.checked;
}

function requestOf() {
  const { userId, type, accessExpiresIn, refreshExpiresIn, noRefresh, context } = form;
  return {
    userId: userId.value.trim(),
    type: type.value,
    accessExpiresIn: accessExpiresIn.value.trim() || undefined,
    refreshExpiresIn: noRefresh.checked ? null : refreshExpiresIn.value.trim() || undefined,
    context: parse(context.value),
  };
}

function parse(text) {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new api.Refusal('The context is not valid JSON. Write it like {"device": "laptop"}.');
  }
}

function showOnce(pair, signal) {
  form.hidden = true;
  form.reset();
  issued.hidden = false;
  copied.textContent = '';
  for (const place of issued.querySelectorAll('.token')) {
    const slot = place.querySelector('code');
    const token = pair[slot.dataset.token];
    slot.textContent = token ?? '';
    place.hidden = token === null;
    offerCopy(place.querySelector('button'), slot, signal);
  }
  // Escape closes dialogs; pressing it too early would lose the token.
  dialog.addEventListener('cancel', (event) => event.preventDefault(), { signal });
  signal.addEventListener('abort', forget);
  // Browsers keep the whole page for the back button.
  addEventListener('pagehide', forget, { signal });
  document.getElementById('issued-title').focus();
}

function offerCopy(button, slot, signal) {
  // Browsers offer the clipboard only over HTTPS; without it, the user can select the text.
  button.hidden = !navigator.clipboard;
  button.addEventListener(
    'click',
    async () => {
      await navigator.clipboard.writeText(slot.textContent);
      copied.textContent = 'Copied.';
    },
    { signal },
  );
}

function forget() {
  for (const slot of issued.querySelectorAll('code')) slot.textContent = '';
  dialog.close();
}
