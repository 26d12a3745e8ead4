import type { AuthentifyOptions } from 'nestjs-authentify';
import type { User } from './users.js';

type Options = AuthentifyOptions<User>;

const KEY = 'a key of the tests of at least thirty-two bytes';

/** What an app moves away from or to; `null` is no key. */
interface Form {
  key?: string | null;
  algorithm?: 'sha256' | 'sha384' | 'sha512';
  prefix?: string;
}

/** An app's options before, while and after it moves, each step beside the one before it on other nodes. */
export type Deployment = readonly [before: Options, accepting: Options, writing: Options, after: Options];

/** How the documentation has it: append the new value, move it to the front, remove the old one. */
function deploymentOf(from: Form, to: Form): Deployment {
  const before = { key: null, algorithm: 'sha256', prefix: 'af', ...from } as const;
  const after = { ...before, ...to };
  return [optionsOf(before), optionsOf(before, after), optionsOf(after, before), optionsOf(after)];
}

/** One node for each form that there is, which writes that one and accepts all others. */
export function mixedFleet(): Options[] {
  const forms = [null, KEY].flatMap((key) =>
    (['sha256', 'sha384'] as const).flatMap((algorithm) => ['af', 'a9'].map((prefix) => ({ key, algorithm, prefix }))),
  );
  return forms.map((form) => optionsOf(form, ...forms));
}

/** The options that write the first of these forms and accept the others. */
function optionsOf(...forms: Required<Form>[]): Options {
  const each = <T>(values: T[]): T[] => [...new Set(values)];
  const keys = each(forms.map(({ key }) => key));
  return {
    hashSecrets: keys.every((key) => key === null) ? [] : keys,
    secureHashAlgorithm: each(forms.map(({ algorithm }) => algorithm)),
    tokenPrefix: each(forms.map(({ prefix }) => prefix)),
  };
}

/** Every kind of move, there and back. */
export const DEPLOYMENTS: Record<string, Deployment> = {
  'from no key to one': deploymentOf({}, { key: KEY }),
  'from a key to none': deploymentOf({ key: KEY }, { key: null }),
  'from sha256 to sha512': deploymentOf({}, { algorithm: 'sha512' }),
  'from one prefix to another': deploymentOf({}, { prefix: 'myapp' }),
  'of key, algorithm and prefix at once': deploymentOf({}, { key: KEY, algorithm: 'sha384', prefix: 'a9' }),
  'of all three back': deploymentOf(
    { key: KEY, algorithm: 'sha384', prefix: 'a9' },
    { key: null, algorithm: 'sha256', prefix: 'af' },
  ),
};
