/** Told of every silent refresh. */
export const renewals = new EventTarget();

/** Browsers have locks at HTTPS and localhost; elsewhere requests manage without, at the price of a rare extra login. */
const locks = navigator.locks ?? { request: (_name, work) => work() };

/**
 * `fetch` for the API: after a 401 it refreshes the session and asks again.
 *
 * One request at a time does so, in all tabs of this browser, and whoever comes next first looks whether the one before
 * has done it already. Refreshing all the same would put an end to the access token that the other tab is just using.
 */
export async function api(path, init) {
  const response = await fetch(path, init);
  if (response.status !== 401) return response;
  return locks.request('refresh', async () => {
    const second = await fetch(path, init);
    if (second.status !== 401) return second;
    const refreshed = await refresh();
    // A server in trouble is no reason to log in again: its 503 is what the page must hear of.
    return refreshed.ok ? fetch(path, init) : refreshed;
  });
}

async function refresh() {
  const response = await fetch('/api/refresh', { method: 'POST' });
  if (response.ok) renewals.dispatchEvent(new Event('renewed'));
  return response;
}
