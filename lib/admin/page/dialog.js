const byId = (id) => document.getElementById(id);

for (const button of document.querySelectorAll('[data-close]')) {
  button.addEventListener('click', () => button.closest('dialog').close());
}

/** Opens a dialog; what listens to the signal listens until it is closed. */
export function open(dialog) {
  const opened = new AbortController();
  dialog.addEventListener('close', () => opened.abort(), { once: true });
  dialog.showModal();
  return opened.signal;
}

/** Runs the work of a form once at a time, and says in its dialog why it failed. */
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

/** Asks before something that cannot be undone; resolves to whether it was wanted. */
export function confirm({ title, text, yes }) {
  const dialog = byId('confirm');
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  byId('confirm-yes').textContent = yes;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}
