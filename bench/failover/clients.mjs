// Clients who log in, ask, refresh and log out, each knowing what it was promised.
import { setTimeout as pause } from 'node:timers/promises';

const REFRESH = 0.08;
const LOGOUT = 0.05;

/** What one run came to. */
export class Ledger {
  statuses = {};
  /** 401 for a session whose login, and last refresh, were answered. */
  refused = 0;
  /** Sessions among them that the refresh token brought back. */
  recovered = 0;
  /** Sessions among them that are gone. */
  lost = 0;
  /** Access tokens whose logout was answered. */
  revoked = [];
  /** When the last answer was a 503, or none. */
  lastFailure = 0;
  firstFailure = 0;
  slowest = 0;

  count(operation, status) {
    const key = `${operation} ${status}`;
    this.statuses[key] = (this.statuses[key] ?? 0) + 1;
    if (status < 500 && status > 0) return;
    this.lastFailure = Date.now();
    this.firstFailure ||= this.lastFailure;
  }
}

/** Goes on until `signal` is aborted; then logs nothing out, so that what is left can be looked at. */
export async function behave(urls, ledger, signal) {
  const send = async (operation, path, { token, body, method = 'POST' } = {}) => {
    const url = urls[Math.floor(Math.random() * urls.length)];
    const headers = {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    };
    const begin = Date.now();
    const response = await fetch(`${url}${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    }).catch(() => undefined);
    const text = await response?.text().catch(() => undefined);
    ledger.slowest = Math.max(ledger.slowest, Date.now() - begin);
    const status = response?.status ?? 0;
    ledger.count(operation, status);
    return { status, answer: status === 200 ? JSON.parse(text) : undefined };
  };
  /** A client asks again until it is answered, as clients do. */
  const insist = async (operation, path, options) => {
    for (;;) {
      const { status, answer } = await send(operation, path, options);
      if (status > 0 && status < 500) return { status, answer };
      if (signal.aborted) return { status };
      await pause(100);
    }
  };
  const refresh = async ({ refreshToken }) =>
    (await insist('refresh', '/auth/refresh', { body: { refreshToken } })).answer;

  while (!signal.aborted) {
    let pair = (await insist('login', '/login')).answer;
    while (pair && !signal.aborted) {
      await pause(20);
      const chance = Math.random();
      if (chance < LOGOUT) {
        const { status } = await insist('logout', '/auth/logout', { token: pair.accessToken });
        if (status === 204) ledger.revoked.push(pair);
        pair = undefined;
      } else if (chance < LOGOUT + REFRESH) {
        const next = await refresh(pair);
        if (!next && !signal.aborted) {
          ledger.refused += 1;
          ledger.lost += 1;
        }
        pair = next;
      } else {
        const { status } = await send('verify', '/me', { token: pair.accessToken, method: 'GET' });
        if (status !== 401) continue;
        ledger.refused += 1;
        pair = await refresh(pair);
        if (pair) ledger.recovered += 1;
        else if (!signal.aborted) ledger.lost += 1;
      }
    }
  }
}

/** How many of the sessions that were logged out can be used again. */
export async function cameBack(url, ledger) {
  let count = 0;
  for (const { accessToken, refreshToken } of ledger.revoked) {
    const headers = { authorization: `Bearer ${accessToken}` };
    const { status } = await fetch(`${url}/me`, { headers });
    if (status === 200) count += 1;
    else {
      const body = JSON.stringify({ refreshToken });
      const answer = await fetch(`${url}/auth/refresh`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      if (answer.status === 200) count += 1;
    }
  }
  return count;
}
