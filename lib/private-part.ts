/**
 * Something of another package that its documentation does not promise. The library names each in one of two lists,
 * `store/drivers/typeorm-internals.ts` and `authentication/platform-internals.ts`, and uses it nowhere else.
 */
export interface PrivatePart {
  /** The package that has it. */
  readonly package: string;
  /** What it is. */
  readonly part: string;
  /** The oldest version of the package that it was seen on, and the newest: `1` is any version 1. */
  readonly seenOn: readonly [oldest: string, newest: string];
  /** What becomes of an app on a version without it, as a sentence. */
  readonly without: string;
  /** The test that fails on a version without it, and words of its name. */
  readonly test: readonly [file: string, name: string];
}

/** What to tell of an installed version that lacks a part. */
export function lackOf({ package: name, part, seenOn: [oldest, newest], without }: PrivatePart): string {
  return (
    `nestjs-authentify does not find ${part} in the installed version of ${name}; versions ${oldest} to ${newest} have ` +
    `it. ${without} Use a version that the README of nestjs-authentify names.`
  );
}
