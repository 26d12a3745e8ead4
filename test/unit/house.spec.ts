import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPY = mkdtempSync(join(tmpdir(), 'authentify-house-'));

/** What the project's linter says of a file with this content in this room. */
function lint(room: string, code: string): string {
  mkdirSync(join(COPY, 'lib', room), { recursive: true });
  copyFileSync(join(ROOT, '.oxlintrc.json'), join(COPY, '.oxlintrc.json'));
  writeFileSync(join(COPY, 'lib', room, 'intruder.ts'), code);
  try {
    const oxlint = join(ROOT, 'node_modules', '.bin', 'oxlint');
    return execFileSync(oxlint, [join('lib', room)], { cwd: COPY, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

describe('the house', () => {
  afterAll(() => {
    rmSync(COPY, { recursive: true });
  });

  it.each([
    ['tokens', 'HTTP', "import { HttpException } from '@nestjs/common';"],
    ['tokens', 'requests', "import type { ExecutionContext } from '@nestjs/common';"],
    ['tokens', 'Passport', "import passport from 'passport';"],
    ['tokens', 'the other room', "import { Challenge } from '../authentication/challenge.js';"],
    ['authentication', 'SQL', "import { DataSource } from 'typeorm';"],
    ['authentication', 'the statements', "import { TokenRepository } from '../tokens/token.repository.js';"],
    ['authentication/extractors', 'guards', "import { HeaderAuthGuard } from '../guards/header-auth.guard.js';"],
    [
      'authentication/extractors',
      'strategies',
      "import { HeaderTokenStrategy } from '../strategies/header-token.strategy.js';",
    ],
    ['authentication/strategies', 'the look-up', "import { TokenLookup } from '../../tokens/token-lookup.js';"],
    ['authentication/strategies', 'guards', "import { HeaderAuthGuard } from '../guards/header-auth.guard.js';"],
    ['swagger', 'the statements', "import { TokenTable } from '../tokens/token-table.js';"],
    ['admin', 'SQL', "import { In } from 'typeorm';"],
    ['admin', 'the statements', "import { TokenTable } from '../tokens/token-table.js';"],
    ['events', 'the barrel', "import { TokenService } from '../index.js';"],
  ])('lib/%s must not know %s', (room, _, code) => {
    expect(lint(room, `${code}\n`)).toContain('no-restricted-imports');
  });

  it('has no file above 200 lines', () => {
    const lib = join(ROOT, 'lib');
    const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    expect(files.filter((name) => readFileSync(join(lib, name), 'utf8').split('\n').length > 201)).toEqual([]);
  });
});
