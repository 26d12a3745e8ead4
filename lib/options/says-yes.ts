import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';

const NUMBER = /^[+-]?\d+(?:\.\d+)?$/;

/**
 * Whether a value says yes, however a database and its driver spell that: `true`, a number that is not 0, as text too
 * (`bigint`, `decimal`), a byte that is not 0 (`bit` of MySQL). `null`, `undefined` and `''` say no.
 *
 * @throws AuthentifyConfigurationError for what says neither, such as 'no', which JavaScript would take for a yes (R73).
 */
export function saysYes(value: unknown): boolean {
  if (!value) return false;
  if (value === true || typeof value === 'number' || typeof value === 'bigint') return true;
  if (typeof value === 'string' && NUMBER.test(value)) return Number(value) !== 0;
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).some((byte) => byte !== 0);
  }
  throw new AuthentifyConfigurationError(
    'isUserActive',
    `must say true or false, but the answer is ${describe(value)}; nobody is let in by it. ` +
      "Give isUserActive a comparison, such as (user) => user.state === 'active'",
  );
}

/** The default of `isUserActive`. Whether an entity without `isActive` should have one is checked at boot. */
export function isActiveByDefault({ isActive }: { isActive?: unknown }): boolean {
  return isActive === undefined || saysYes(isActive);
}

/** Never the value itself, which may be anything the app keeps of a user. */
function describe(value: object | string | symbol): string {
  if (typeof value === 'string') return 'a text';
  return typeof value === 'object' ? `an instance of ${value.constructor?.name ?? 'no class'}` : `a ${typeof value}`;
}
