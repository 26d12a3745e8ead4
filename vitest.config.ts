import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { findChromium } from './test/browser/support/find-chromium.js';

/** Server databases and where they listen; sql.js needs none. */
const SERVERS = { postgres: Number(process.env.AUTHENTIFY_TEST_POSTGRES_PORT ?? 5432), mariadb: 3306 };

/** Databases that must answer, as in CI: `AUTHENTIFY_TEST_DATABASES=postgres,mariadb`. */
const required = new Set((process.env.AUTHENTIFY_TEST_DATABASES ?? '').split(',').filter(Boolean));

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 2_000 });
    const done = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
    socket.once('timeout', () => done(false));
  });
}

async function servers(): Promise<string[]> {
  const found = [];
  for (const [name, port] of Object.entries(SERVERS)) {
    if (await answers(port)) found.push(name);
    else if (required.has(name)) throw new Error(`${name} is required but does not answer on 127.0.0.1:${port}`);
    else warn(`${name} does not answer on 127.0.0.1:${port}; its tests are left out`);
  }
  return found;
}

/** Whether Chromium is there; `AUTHENTIFY_TEST_BROWSER=chromium` says that it must be, as in CI. */
function hasBrowser(): boolean {
  if (findChromium() !== undefined) return true;
  if (process.env.AUTHENTIFY_TEST_BROWSER === 'chromium') throw new Error('chromium is required but not installed');
  warn('chromium is not installed; its tests are left out');
  return false;
}

/** `npm test` needs neither. */
function warn(message: string): void {
  if (process.env.npm_lifecycle_event !== 'test') console.warn(message);
}

const lib = fileURLToPath(new URL('lib', import.meta.url));
const alias = [
  { find: /^nestjs-authentify$/, replacement: `${lib}/index.ts` },
  { find: /^nestjs-authentify\/([\w-]+)$/, replacement: `${lib}/$1/index.ts` },
];
const shared = {
  pool: 'forks' as const,
  // Files run in one process one after the other, so that it loads Nest and TypeORM once.
  isolate: false,
  setupFiles: ['test/support/setup.ts'],
  testTimeout: 30_000,
  hookTimeout: 180_000,
};

/**
 * Suites that a server database can decide otherwise than the embedded one: SQL, drivers, transactions, locks, key types.
 * What HTTP, Nest or TypeScript decides is shown once, on the embedded database.
 */
const ON_SERVERS = [
  'test/concurrency/!(rolling-changes).spec.ts',
  'test/{entities,faults,migrations,tokens}/**/*.spec.ts',
  'test/admin/{change,hostile-input,list}.spec.ts',
  'test/cli/*.spec.ts',
  'test/hostile/{clock,collision,secrecy}.spec.ts',
  'test/module/schema-at-boot.spec.ts',
  'test/requests/{auto-refresh,unauthorized}.spec.ts',
  // One walk through everything else.
  'test/parity.spec.ts',
  'test/session-routes/session-routes.spec.ts',
];

export default defineConfig({
  test: {
    // Two cores run two files at once; a server has connections for four.
    maxWorkers: Math.min(availableParallelism(), 4),
    coverage: { include: ['lib/**/*.ts'], reporter: ['text-summary', 'html'] },
    projects: [
      { resolve: { alias }, test: { ...shared, name: 'unit', include: ['test/unit/**/*.spec.ts'] } },
      {
        resolve: { alias },
        test: {
          ...shared,
          name: 'sqljs',
          include: ['test/**/*.spec.ts'],
          exclude: ['test/unit/**', 'test/browser/**'],
          env: { AUTHENTIFY_TEST_DATABASE: 'sqljs' },
        },
      },
      ...(await servers()).map((name) => ({
        resolve: { alias },
        test: { ...shared, name, include: ON_SERVERS, env: { AUTHENTIFY_TEST_DATABASE: name } },
      })),
      ...(hasBrowser()
        ? [
            {
              resolve: { alias },
              // Each file by itself: a sample loads the entities of every module that the process has seen.
              test: { ...shared, isolate: true, name: 'browser', include: ['test/browser/**/*.spec.ts'] },
            },
          ]
        : []),
    ],
  },
});
