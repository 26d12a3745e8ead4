import { COOKIE_STRATEGY, HEADER_STRATEGY } from '../constants.js';
import { UNNAMED } from '../registrations.js';
import { AuthType } from '../sessions/auth-type.js';

/** What a request must present, by the names of the schemes; all of them together (OAS 3.0.4 §4.8.30). */
export type Requirement = Record<string, string[]>;

/** What an OpenAPI document calls the way a registration's tokens travel; Passport's name of the strategy (OAS 3.0.4 §4.8.27). */
export function schemeName(via: AuthType, registration: string): string {
  const strategy = via === 'header' ? HEADER_STRATEGY : COOKIE_STRATEGY;
  return registration === UNNAMED ? strategy : `${strategy}-${registration}`;
}

/** One requirement for each way, any of which is enough. */
export function requirementsOf(registration: string, via?: AuthType): Requirement[] {
  const ways = via === undefined ? [AuthType.HEADER, AuthType.COOKIE] : [via];
  return ways.map((way) => ({ [schemeName(way, registration)]: [] }));
}

/** What satisfies two guards, either of which may have nothing to say. */
export function bothOf(one?: Requirement[], other?: Requirement[]): Requirement[] | undefined {
  if (!one || !other) return one ?? other;
  const pairs = one.flatMap((first) => other.map((second) => ({ ...first, ...second })));
  // An alternative that asks for all that another one asks for, and more, adds nothing.
  return pairs.filter(
    (pair, at) =>
      !pairs.some((rival, position) => {
        const names = Object.keys(rival);
        const isLess = names.length < Object.keys(pair).length || position < at;
        return position !== at && isLess && names.every((name) => name in pair);
      }),
  );
}
