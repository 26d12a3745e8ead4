import { Api } from '../generated/swagger-typescript-api.js';
import type { MakeClient } from './walk.js';

/** What was answered; the client throws the response where that is a refusal. */
async function bodyOf<T>(call: Promise<{ data: T }>): Promise<T> {
  try {
    return (await call).data;
  } catch (error) {
    throw error instanceof Response ? new Error(String(error.status)) : error;
  }
}

export const makeClient: MakeClient = (url, fetch, accessToken) => {
  const api = new Api<undefined>({
    baseUrl: url,
    customFetch: fetch,
    securityWorker: () => {
      const token = accessToken();
      return token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } };
    },
  });
  const withBody = (refreshToken?: string | null) => (refreshToken == null ? undefined : { refreshToken });
  return {
    customers: {
      login: (email, transport) => bodyOf(api.customers.customersControllerLogin({ email, transport })),
      me: () => bodyOf(api.customers.customersControllerMe()),
      refresh: (refreshToken) => bodyOf(api.auth.authentifySessionRefresh(withBody(refreshToken))),
      list: () => bodyOf(api.auth.authentifySessionList()),
      end: (id) => bodyOf(api.auth.authentifySessionEnd(id)),
      logout: () => bodyOf(api.auth.authentifySessionLogout()),
      logoutAll: () => bodyOf(api.auth.authentifySessionLogoutAll()),
      logoutOthers: () => bodyOf(api.auth.authentifySessionLogoutOthers()),
    },
    staff: {
      login: (email, transport) => bodyOf(api.staff.staffControllerLogin({ email, transport })),
      me: () => bodyOf(api.staff.staffControllerMe()),
      refresh: (refreshToken) => bodyOf(api.staff.authentifyStaffSessionRefresh(withBody(refreshToken))),
      list: () => bodyOf(api.staff.authentifyStaffSessionList()),
      end: (id) => bodyOf(api.staff.authentifyStaffSessionEnd(id)),
      logout: () => bodyOf(api.staff.authentifyStaffSessionLogout()),
      logoutAll: () => bodyOf(api.staff.authentifyStaffSessionLogoutAll()),
      logoutOthers: () => bodyOf(api.staff.authentifyStaffSessionLogoutOthers()),
    },
  };
};
