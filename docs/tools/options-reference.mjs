// Writes reference/options.md from the doc comments of the interfaces users fill in. With `--check` it writes nothing and
// fails where the file is not what it would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import ts from 'typescript';
import { withoutRequirements } from './requirements.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = `${ROOT}docs/reference/options.md`;

/** What each part of the page says beyond the doc comments. */
const PARTS = [
  {
    title: 'Extras',
    file: 'lib/module-extras.ts',
    interfaces: ['WithUserEntity', 'WithTokenEntity', 'AuthentifyExtras'],
    intro:
      'Extras are needed while Nest builds its modules. In `forRootAsync` they stand beside the factory, in `forRoot` among\nthe options. Give exactly one of `userEntity` and `tokenEntity`.',
  },
  {
    title: 'Run-time options',
    file: 'lib/options/authentify-options.ts',
    interfaces: ['AuthentifyOptions'],
    intro:
      "A `Duration` is seconds as a number (`900`) or a string with a unit (`'15m'`, `'7d'`). `null` means none. Zero, negative values and strings without a unit are refused, except where an option says so.",
  },
  {
    title: 'The option cookie',
    file: 'lib/options/authentify-options.ts',
    interfaces: ['TokenCookieOptions'],
    prefix: 'cookie',
  },
  {
    title: 'The option csrf',
    file: 'lib/options/authentify-options.ts',
    interfaces: ['CsrfOptions'],
    prefix: 'csrf',
  },
  {
    title: 'The extra sessionRoutes',
    file: 'lib/session-routes/session-controller.ts',
    interfaces: ['SessionRoutesOptions'],
    prefix: 'sessionRoutes',
    intro: 'What the routes do is on the page [Session routes](./session-routes.md).',
  },
  {
    title: 'Options of a login',
    file: 'lib/sessions/login.ts',
    interfaces: ['IssueTokenOptions'],
    intro: 'The second argument of `generateHeaderToken` and `generateCookieToken`.',
    also: ['lib/sessions/lifetimes.ts', 'LifetimeOverrides'],
  },
  {
    title: 'Options of the admin',
    file: 'lib/admin/admin-options.ts',
    interfaces: ['AdminOptions'],
    intro: 'The argument of `AuthentifyAdminModule.register` from `nestjs-authentify/admin`.',
  },
];

const HEAD = `---
# Written by \`npm run docs:options\` from the doc comments in lib/. Change it there.
outline: [2, 3]
---

# Options

A wrong or unknown option stops the boot with an \`AuthentifyConfigurationError\` that names the option and the remedy. The
message never repeats a secret.
`;

function interfacesOf(file) {
  const source = ts.createSourceFile(file, readFileSync(ROOT + file, 'utf8'), ts.ScriptTarget.Latest, true);
  return new Map(source.statements.filter(ts.isInterfaceDeclaration).map((node) => [node.name.text, node]));
}

function docOf(node) {
  const [doc] = node.jsDoc ?? [];
  const text = typeof doc?.comment === 'string' ? doc.comment : (ts.getTextOfJSDocComment(doc?.comment) ?? '');
  return withoutRequirements(text.replaceAll(/\{@link (\w+)\}/g, '`$1`'));
}

function signatureOf(member) {
  return member.getText().replaceAll(/\s+/g, ' ').replace(/;$/, '');
}

function section(member, ownerDoc, prefix) {
  const name = member.name.getText();
  return `### ${prefix ? `${prefix}.${name}` : name}\n\n\`${signatureOf(member)}\`\n\n${docOf(member) || ownerDoc}\n`;
}

function part({ title, file, interfaces, intro, prefix, also }) {
  const known = interfacesOf(file);
  const nodes = interfaces.map((name) => known.get(name));
  if (also) nodes.push(interfacesOf(also[0]).get(also[1]));
  if (nodes.includes(undefined)) throw new Error(`${file} has not all of ${interfaces.join(', ')}`);
  const sections = nodes.flatMap((node) =>
    node.members
      .filter((member) => member.type?.kind !== ts.SyntaxKind.UndefinedKeyword)
      .map((member) => section(member, docOf(node), prefix)),
  );
  return [`## ${title}\n`, intro ? `${intro}\n` : '', ...sections].join('\n');
}

const text = await format([HEAD, ...PARTS.map(part)].join('\n'), {
  ...(await resolveConfig(PAGE)),
  filepath: PAGE,
});
if (process.argv.includes('--check')) {
  if (readFileSync(PAGE, 'utf8') !== text) {
    console.error('docs/reference/options.md is not what the doc comments say: run npm run docs:options');
    process.exit(1);
  }
} else {
  writeFileSync(PAGE, text);
}
