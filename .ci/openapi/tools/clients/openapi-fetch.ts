import createClient from 'openapi-fetch';
import type { paths } from '../generated/openapi-typescript.js';
import type { MakeClient } from './walk.js';

/** What was answered, or an error that names the status. */
async function bodyOf<T>(call: Promise<{ data?: T; response: Response }>): Promise<T> {
  const { data, response } = await call;
  if (!response.ok) throw new Error(String(response.status));
  return data as T;
}

export const makeClient: MakeClient = (url, fetch, accessToken) => {
  const client = createClient<paths>({ baseUrl: url, fetch: (request) => fetch(request) });
  client.use({
    onRequest({ request }) {
      const token = accessToken();
      if (token !== undefined) request.headers.set('Authorization', `Bearer ${token}`);
    },
  });
  const withBody = (refreshToken?: string | null) => (refreshToken == null ? {} : { body: { refreshToken } });
  return {
    customers: {
      login: (email, transport) => bodyOf(client.POST('/customers/login', { body: { email, transport } })),
      me: () => bodyOf(client.GET('/customers/me')),
      refresh: (refreshToken) => bodyOf(client.POST('/auth/refresh', withBody(refreshToken))),
      list: () => bodyOf(client.GET('/auth/sessions')),
      end: (id) => bodyOf(client.DELETE('/auth/sessions/{id}', { params: { path: { id } } })),
      logout: () => bodyOf(client.POST('/auth/logout')),
      logoutAll: () => bodyOf(client.POST('/auth/logout-all')),
      logoutOthers: () => bodyOf(client.POST('/auth/logout-others')),
    },
    staff: {
      login: (email, transport) => bodyOf(client.POST('/staff/login', { body: { email, transport } })),
      me: () => bodyOf(client.GET('/staff/me')),
      refresh: (refreshToken) => bodyOf(client.POST('/staff/auth/refresh', withBody(refreshToken))),
      list: () => bodyOf(client.GET('/staff/auth/sessions')),
      end: (id) => bodyOf(client.DELETE('/staff/auth/sessions/{id}', { params: { path: { id } } })),
      logout: () => bodyOf(client.POST('/staff/auth/logout')),
      logoutAll: () => bodyOf(client.POST('/staff/auth/logout-all')),
      logoutOthers: () => bodyOf(client.POST('/staff/auth/logout-others')),
    },
  };
};
