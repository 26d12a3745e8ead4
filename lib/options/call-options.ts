/** The names of a call's options, none forgotten and none made up. */
export type OptionNames<TOptions extends object> = Readonly<Record<keyof TOptions, true>>;

/**
 * Refuses options that a call does not have: a misspelt lifetime would be ignored, and the session would live longer
 * than was asked for.
 *
 * @throws TypeError that names the unknown option and the known ones.
 */
export function checkNames<TOptions extends object>(options: TOptions, names: OptionNames<TOptions>): void {
  if (typeof options !== 'object' || options === null) throw new TypeError('The options of a call must be an object');
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return;
  throw new TypeError(`There is no option "${unknown}"; this call knows ${Object.keys(names).join(', ')}`);
}
