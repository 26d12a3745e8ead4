/** The REST interface beside the page, wherever that is mounted. */
const HERE = new URL('..', import.meta.url);

/** Why the server refused, in its words. */
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
  if (status === 401) return 'You are not signed in any more. Sign in, then load this page again.';
  if (status === 503) return 'The database cannot answer. Try again.';
  return [said?.message].flat().filter(Boolean).join('. ') || `The server answered ${status}.`;
}

export const list = (query, signal) => send(`sessions?${new URLSearchParams(query)}`, { signal });
export const users = (search) => send(`users?${new URLSearchParams({ search })}`);
export const issue = (request) => send('sessions', { method: 'POST', body: request });
export const revoke = (id) => send(`sessions/${id}/revoke`, { method: 'POST' });
export const revokeAll = (userId) => send('sessions/revoke-all', { method: 'POST', body: { userId } });
export const setDates = (id, dates) => send(`sessions/${id}`, { method: 'PATCH', body: dates });
export const remove = (id) => send(`sessions/${id}`, { method: 'DELETE' });
