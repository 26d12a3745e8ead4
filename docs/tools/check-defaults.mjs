// Checks that the defaults which the options reference states are those the library has: giving one explicitly must make
// no difference.
import { isDeepStrictEqual } from 'node:util';
import { read } from './markdown.mjs';

const { resolveOptions } = await import('../../dist/options/resolve-options.js');
const defaults = resolveOptions({}, {});

const sections = read('docs/reference/options.md').split(/^### /m).slice(1);
const given = (path, value) => path.split('.').reduceRight((inner, name) => ({ [name]: inner }), value);
const member = (options, path) => path.split('.').reduce((value, name) => value?.[name], options);

let checked = 0;
const problems = [];
for (const section of sections) {
  const name = section.split('\n', 1)[0];
  if (member(defaults, name) === undefined) continue;
  const [, stated] = /[Dd]efault (?:`([^`=]+)`|\d+)/.exec(section) ?? [];
  const literal = stated ?? /[Dd]efault (\d+)/.exec(section)?.[1];
  // Some defaults are words, or depend on other options.
  if (literal === undefined || !/^(?:'.*'|\[.*\]|\d+|true|false|null)$/.test(literal)) continue;
  const value = JSON.parse(literal.replaceAll("'", '"'));
  const explicit = resolveOptions(given(name, value), {});
  if (!isDeepStrictEqual(member(explicit, name), member(defaults, name)))
    problems.push(`${name}: the default is not ${literal}`);
  checked += 1;
}
console.log(`options: ${checked} stated defaults are the library's`);
for (const text of problems) console.error(text);
if (problems.length > 0 || checked < 15) process.exit(1);
