const byId = (id) => document.getElementById(id);

/** The handlers to run when a dialog closes, by dialog. */
const waiting = new Map();

for (const dialog of document.querySelectorAll('dialog')) {
  // Browsers fire the event a moment later, when the dialog may be open again.
  dialog.addEventListener('close', () => dialog.open || settle(dialog));
}

for (const button of document.querySelectorAll('[data-close]')) {
  button.addEventListener('click', () => {
    const dialog = button.closest('dialog');
    dialog.close();
    settle(dialog);
  });
}

function show(dialog, whenClosed) {
  settle(dialog);
  dialog.returnValue = 'no';
  waiting.set(dialog, whenClosed);
  dialog.showModal();
}

function settle(dialog) {
  const whenClosed = waiting.get(dialog);
  waiting.delete(dialog);
  whenClosed?.();
}

/** Opens a dialog; returns a signal that aborts when it closes. */
export function open(dialog) {
  const opened = new AbortController();
  show(dialog, () => opened.abort());
  return opened.signal;
}

/** Runs the work of a form, once at a time, and shows an error in its dialog. */
export async function attempt(form, work) {
  const failure = form.closest('dialog').querySelector('.failure');
  const button = form.querySelector('[type=submit]');
  failure.textContent = '';
  button.disabled = true;
  try {
    return await work();
  } catch (error) {
    failure.textContent = error.message;
    return undefined;
  } finally {
    button.disabled = false;
  }
}

/** Asks for confirmation; resolves to the answer. */
export function confirm({ title, text, yes }) {
  const dialog = byId('confirm');
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  byId('confirm-yes').textContent = yes;
  return new Promise((resolve) => {
    show(dialog, () => resolve(dialog.returnValue === 'yes'));
  });
}
