import { createClient } from '../generated/hey-api/client/index.js';
import * as sdk from '../generated/hey-api/sdk.gen.js';
import type { MakeClient } from './walk.js';

/** What was answered, or an error that names the status. */
async function bodyOf<T>(call: Promise<{ data?: T; response: Response }>): Promise<T> {
  const { data, response } = await call;
  if (!response.ok) throw new Error(String(response.status));
  return data as T;
}

export const makeClient: MakeClient = (url, fetch, accessToken) => {
  const client = createClient({
    baseUrl: url,
    fetch,
    auth: ({ scheme }) => (scheme === 'bearer' ? accessToken() : undefined),
  });
  const withBody = (refreshToken?: string | null) => (refreshToken == null ? {} : { body: { refreshToken } });
  return {
    customers: {
      login: (email, transport) => bodyOf(sdk.customersControllerLogin({ client, body: { email, transport } })),
      me: () => bodyOf(sdk.customersControllerMe({ client })),
      refresh: (refreshToken) => bodyOf(sdk.authentifySessionRefresh({ client, ...withBody(refreshToken) })),
      list: () => bodyOf(sdk.authentifySessionList({ client })),
      end: (id) => bodyOf(sdk.authentifySessionEnd({ client, path: { id } })),
      logout: () => bodyOf(sdk.authentifySessionLogout({ client })),
      logoutAll: () => bodyOf(sdk.authentifySessionLogoutAll({ client })),
      logoutOthers: () => bodyOf(sdk.authentifySessionLogoutOthers({ client })),
    },
    staff: {
      login: (email, transport) => bodyOf(sdk.staffControllerLogin({ client, body: { email, transport } })),
      me: () => bodyOf(sdk.staffControllerMe({ client })),
      refresh: (refreshToken) => bodyOf(sdk.authentifyStaffSessionRefresh({ client, ...withBody(refreshToken) })),
      list: () => bodyOf(sdk.authentifyStaffSessionList({ client })),
      end: (id) => bodyOf(sdk.authentifyStaffSessionEnd({ client, path: { id } })),
      logout: () => bodyOf(sdk.authentifyStaffSessionLogout({ client })),
      logoutAll: () => bodyOf(sdk.authentifyStaffSessionLogoutAll({ client })),
      logoutOthers: () => bodyOf(sdk.authentifyStaffSessionLogoutOthers({ client })),
    },
  };
};
