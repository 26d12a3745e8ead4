import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string> & string[]>;

describe('R68: the package', () => {
  it('has few runtime dependencies, each reviewed', () => {
    expect(Object.keys(manifest.dependencies!).toSorted()).toEqual([
      'commander',
      'cookie',
      'ms',
      'passport-custom',
      'uuid',
    ]);
  });

  it('runs nothing when it is installed', () => {
    expect(Object.keys(manifest.scripts!).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([]);
  });

  it('ships what it names and nothing else', () => {
    expect(manifest.files).toEqual(['dist', 'CHANGELOG.md', 'SECURITY.md']);
    expect(existsSync(join(ROOT, 'package-lock.json'))).toBe(true);
  });

  it('loads what reads command lines for the command line only', () => {
    const files = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' });
    const others = files.filter((name) => name.endsWith('.ts') && !name.startsWith('cli/'));
    expect(others.filter((name) => /'commander'|\/cli\//.test(read(join('lib', name))))).toEqual([]);
    expect(manifest.bin).toEqual({ authentify: 'dist/cli/main.js' });
    expect(read('lib/cli/main.ts')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it('needs what describes APIs in the subpath for it only; the admin asks whether it is there', () => {
    const files = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' });
    const others = files.filter((name) => name.endsWith('.ts') && !name.startsWith('swagger/'));
    expect(others.filter((name) => /from '@nestjs\/swagger'|\/swagger\//.test(read(join('lib', name))))).toEqual([]);
  });

  it('imports no package that it does not declare', () => {
    const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));
    const files = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    const imported = files.flatMap((name) =>
      [...read(join('lib', name)).matchAll(/from '((?:@[\w-]+\/)?[\w-]+)/g)].map(([, specifier]) => specifier!),
    );
    const foreign = new Set(imported.filter((specifier) => specifier !== 'node' && !declared.has(specifier)));
    expect([...foreign]).toEqual([]);
  });
});
