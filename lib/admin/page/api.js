/** The URL of the REST interface, relative to the page. */
const HERE = new URL('..', import.meta.url);

/** An error whose message is shown to the user. */
export class Refusal extends Error {}

async function send(path, { method = 'GET', body, signal } = {}) {
  const answer = await fetch(`${HERE}${path}`, {
    method,
    signal,
    cache: 'no-store',
    ...(method !== 'GET' && {
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body ?? {}),
    }),
  }).catch((error) => {
    throw signal?.aborted ? error : new Refusal('The server cannot be reached.');
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(reasonOf(answer.status, said));
  return said;
}

function reasonOf(status, said) {
  if (status === 401) return 'You are no longer signed in. Sign in, then reload this page.';
  if (status === 503) return 'The database does not answer. Try again.';
  return [said?.message].flat().filter(Boolean).join('. ') || `The server answered ${status}.`;
}

export const list = (query, signal) => send(`sessions?${new URLSearchParams(query)}`, { signal });
export const users = (search) => send(`users?${new URLSearchParams({ search })}`);
export const issue = (request) => send('sessions', { method: 'POST', body: request });
export const revoke = (id) => send(`sessions/${id}/revoke`, { method: 'POST' });
export const revokeAll = (userId) => send('sessions/revoke-all', { method: 'POST', body: { userId } });
export const setDates = (id, dates) => send(`sessions/${id}`, { method: 'PATCH', body: dates });
export const remove = (id) => send(`sessions/${id}`, { method: 'DELETE' });
