import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { PLATFORM_PARTS } from '../../lib/authentication/platform-internals.js';
import { lackOf, type PrivatePart } from '../../lib/private-part.js';
import { STORE_PARTS } from '../../lib/store/drivers/typeorm-internals.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PARTS: PrivatePart[] = [...Object.values(STORE_PARTS), ...Object.values(PLATFORM_PARTS)];
/** The two files that may use what other packages do not promise. */
const LISTS = new Set(['store/drivers/typeorm-internals.ts', 'authentication/platform-internals.ts']);

function versionOf(name: string): string {
  let directory = dirname(createRequire(import.meta.url).resolve(name));
  for (;;) {
    try {
      const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Record<string, string>;
      if (manifest.name === name) return manifest.version ?? '';
    } catch {
      // Further up.
    }
    directory = dirname(directory);
  }
}

/** Compares as many numbers as the second version has. */
function compare(version: string, other: string): number {
  const numbers = version.split(/[.-]/).map(Number);
  const differences = other.split('.').map((number, index) => (numbers[index] ?? 0) - Number(number));
  return differences.find((difference) => difference !== 0) ?? 0;
}

/** What a file uses of other packages that they do not promise, or does not own. */
function privateUsesIn(code: string): string[] {
  const file = ts.createSourceFile('file.ts', code, ts.ScriptTarget.ES2022, true);
  const uses: string[] = [];
  const texts = new Map<string, string>();
  const textOf = (node: ts.Node | undefined): string | undefined =>
    node && ts.isStringLiteralLike(node) ? node.text : node && ts.isIdentifier(node) ? texts.get(node.text) : undefined;
  const checkImport = (specifier: ts.Node | undefined): void => {
    const path = textOf(specifier);
    if (path && /^(?!node:)(?:@[^/]+\/[^/]+|[^@./][^/]*)\/./.test(path)) uses.push(`import of ${path}`);
  };
  const checkName = (name: ts.Node | undefined): void => {
    const text = name && (ts.isIdentifier(name) || ts.isStringLiteralLike(name)) ? name.text : '';
    // By this compilers tell each other of CommonJS; it is nobody's secret.
    if (/^_+[A-Za-z]/.test(text) && text !== '__esModule') uses.push(`member ${text}`);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer) {
      const text = textOf(node.initializer);
      if (text !== undefined) texts.set(node.name.text, text);
    }
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) checkImport(node.moduleSpecifier);
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) checkImport(node.argument.literal);
    if (ts.isCallExpression(node)) {
      if (node.expression.kind === ts.SyntaxKind.ImportKeyword) checkImport(node.arguments[0]);
      const key = /^Reflect\.\w+Metadata$/.test(node.expression.getText(file)) ? textOf(node.arguments[0]) : undefined;
      if (key !== undefined && !/^(?:authentify|design):/.test(key)) uses.push(`metadata ${key}`);
    }
    if (ts.isPropertyAccessExpression(node)) checkName(node.name);
    if (ts.isElementAccessExpression(node)) checkName(node.argumentExpression);
    if (ts.isBindingElement(node)) checkName(node.propertyName);
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.InKeyword) checkName(node.left);
    if (ts.isAsExpression(node) && /\bdriver$/.test(node.expression.getText(file)))
      uses.push('a driver as something else');
    ts.forEachChild(node, visit);
  };
  visit(file);
  return uses;
}

describe('what other packages do not promise', () => {
  it.each(PARTS.map((part) => [part.package, part.part, part] as const))('%s: %s', (name, _part, { seenOn, test }) => {
    const version = versionOf(name);
    const [oldest, newest] = seenOn;
    // A version that nobody has seen it on: look at the part again, and at its test, before the range is widened.
    expect([compare(version, oldest) >= 0, compare(version, newest) <= 0], version).toEqual([true, true]);
    const [spec, words] = test;
    expect(readFileSync(join(ROOT, spec), 'utf8')).toContain(words);
  });

  it('is told of in sentences', () => {
    for (const part of PARTS) {
      expect(part.without).toMatch(/^[A-Z].+\.$/);
      expect(lackOf(part)).toMatch(
        /^nestjs-authentify does not find (?:the|ModulesContainer|ApplicationConfig)\b.+\.$/,
      );
    }
  });

  it('is used in two files only, which list it', () => {
    const files = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.ts') && !LISTS.has(name),
    );
    expect(files.length).toBeGreaterThan(50);
    const found = files.flatMap((name) =>
      privateUsesIn(readFileSync(join(ROOT, 'lib', name), 'utf8')).map((use) => `${name}: ${use}`),
    );
    expect(found).toEqual([]);
  });

  it.each([
    ["import { SCOPE_OPTIONS_METADATA } from '@nestjs/common/constants.js';", 'import of @nestjs/common/constants.js'],
    ["import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';", 'import of typeorm/driver'],
    ["await import('rxjs/internal/Subscriber');", 'import of rxjs/internal/Subscriber'],
    ["type Pool = import('pg/lib/pool').Pool;", 'import of pg/lib/pool'],
    ['client._ending;', 'member _ending'],
    ["client['_queryable'];", 'member _queryable'],
    ['const { _connectionInit: params } = context;', 'member _connectionInit'],
    ["'_events' in emitter;", 'member _events'],
    ["Reflect.getMetadata('__guards__', handler);", 'metadata __guards__'],
    ["const PATH = 'path'; Reflect.hasMetadata(PATH, handler);", 'metadata path'],
    ['const { master } = dataSource.driver as Pools;', 'a driver as something else'],
  ])('would be found elsewhere: %s', (code, use) => {
    expect(privateUsesIn(code)).toEqual([expect.stringContaining(use)]);
  });

  it.each([
    "import { readFile } from 'node:fs/promises'; import { map } from 'rxjs'; import { Get } from '@nestjs/common';",
    "import { other } from '../other.js'; export * from './one.js';",
    "Reflect.getMetadata('design:type', target, key); Reflect.getMetadata('authentify:owner', entity);",
    'function get(_depth: number) {} const [, _rest] = list;',
  ])('is not seen where there is none: %s', (code) => {
    expect(privateUsesIn(code)).toEqual([]);
  });
});
