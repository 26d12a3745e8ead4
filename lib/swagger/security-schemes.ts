import { COOKIE_STRATEGY, HEADER_STRATEGY } from '../authentify.constants.js';
import { UNNAMED } from '../authentify.registration.js';
import { AuthType } from '../tokens/auth-type.js';

/** What an OpenAPI document calls the way a registration's tokens travel; Passport's name of the strategy (OAS 3.0.4 §4.8.27). */
export function schemeName(via: AuthType, registration: string): string {
  const strategy = via === 'header' ? HEADER_STRATEGY : COOKIE_STRATEGY;
  return registration === UNNAMED ? strategy : `${strategy}-${registration}`;
}

/** One requirement for each way, any of which is enough. */
export function requirementsOf(registration: string, via?: AuthType): Record<string, string[]>[] {
  const ways = via === undefined ? [AuthType.HEADER, AuthType.COOKIE] : [via];
  return ways.map((way) => ({ [schemeName(way, registration)]: [] }));
}
