import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPY = mkdtempSync(join(tmpdir(), 'authentify-house-'));

/** What the project's linter says of a file with this content, or of one in this room. */
function lint(place: string, code: string): string {
  const file = join(COPY, 'lib', place.endsWith('.ts') ? place : join(place, 'intruder.ts'));
  mkdirSync(dirname(file), { recursive: true });
  copyFileSync(join(ROOT, '.oxlintrc.json'), join(COPY, '.oxlintrc.json'));
  writeFileSync(file, code);
  try {
    const oxlint = join(ROOT, 'node_modules', '.bin', 'oxlint');
    return execFileSync(oxlint, [file], { cwd: COPY, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

/** What keeps a file from running as CommonJS: syntax of ES modules alone, and names that compiled code needs itself. */
function obstaclesIn(code: string): string[] {
  const needed = new Set(['exports', 'require', '__filename', '__dirname']);
  const obstacles: string[] = [];
  const visit = (node: ts.Node, isTop: boolean): void => {
    if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) obstacles.push('import.meta');
    if (ts.isAwaitExpression(node) && isTop) obstacles.push('await outside functions');
    const isDeclared = ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node);
    if (isDeclared && ts.isIdentifier(node.name) && needed.has(node.name.text))
      obstacles.push(`a local named ${node.name.text}`);
    ts.forEachChild(node, (child) => visit(child, isTop && !ts.isFunctionLike(node)));
  };
  visit(ts.createSourceFile('file.ts', code, ts.ScriptTarget.ES2022), true);
  return obstacles;
}

describe('the house', () => {
  afterAll(() => {
    rmSync(COPY, { recursive: true });
  });

  it.each([
    ['sessions', 'HTTP', "import { HttpException } from '@nestjs/common';"],
    ['sessions', 'requests', "import type { ExecutionContext } from '@nestjs/common';"],
    ['sessions', 'Passport', "import passport from 'passport';"],
    ['sessions', 'authentication', "import { Challenge } from '../authentication/challenge.js';"],
    ['sessions', 'SQL', "import { DataSource } from 'typeorm';"],
    ['sessions', 'the store', "import { SessionTable } from '../store/session-table.js';"],
    ['store', 'HTTP', "import { HttpException } from '@nestjs/common';"],
    ['store', 'authentication', "import { Challenge } from '../authentication/challenge.js';"],
    ['authentication', 'SQL', "import { DataSource } from 'typeorm';"],
    ['authentication', 'the store', "import { TokenRepository } from '../store/token.repository.js';"],
    ['authentication/credentials', 'guards', "import { HeaderAuthGuard } from '../guards/authentify.guard.js';"],
    ['authentication/credentials', 'strategies', "import { HeaderTokenStrategy } from '../strategies.js';"],
    ['authentication/strategies.ts', 'the store', "import { TokenRepository } from '../store/token.repository.js';"],
    ['authentication/strategies.ts', 'guards', "import { HeaderAuthGuard } from './guards/authentify.guard.js';"],
    ['swagger', 'the store', "import { SessionTable } from '../store/session-table.js';"],
    ['admin', 'SQL', "import { In } from 'typeorm';"],
    ['admin', 'the table', "import { SessionTable } from '../store/session-table.js';"],
    ['admin', 'the way of a request', "import { Authenticator } from '../authentication/authenticator.js';"],
    ['swagger', 'sessions', "import { Login } from '../sessions/login.js';"],
    ['testing', 'the store', "import { SessionTable } from '../store/session-table.js';"],
    ['cli', 'HTTP', "import { Challenge } from '../authentication/challenge.js';"],
    ['cli', 'statements', "import { SessionWrites } from '../store/session-writes.js';"],
    ['cli/commands', 'SQL', "import { DataSource } from 'typeorm';"],
    ['cli/commands', 'the table', "import { SessionTable } from '../../store/session-table.js';"],
    ['events', 'the barrel', "import { TokenService } from '../index.js';"],
  ])('lib/%s must not know %s', (room, _, code) => {
    expect(lint(room, `${code}\n`)).toContain('no-restricted-imports');
  });

  it('can be compiled to CommonJS, as Jest does it, but for its command line', () => {
    const lib = join(ROOT, 'lib');
    const files = readdirSync(lib, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.startsWith('cli/'))
      // The build writes the texts of the admin's page in its place.
      .filter((name) => name !== join('admin', 'page-files.ts'));
    const whyNot = files.flatMap((name) =>
      obstaclesIn(readFileSync(join(lib, name), 'utf8')).map((obstacle) => `${name}: ${obstacle}`),
    );
    expect(whyNot).toEqual([]);
    expect(obstaclesIn('await import.meta.resolve("x"); const one = ({ exports }) => exports;')).toHaveLength(3);
  });
});
