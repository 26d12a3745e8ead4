import { connect } from 'node:net';
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

async function databases(): Promise<string[]> {
  const found = ['sqljs'];
  for (const [name, port] of Object.entries(SERVERS)) {
    if (await answers(port)) found.push(name);
    else if (required.has(name)) throw new Error(`${name} is required but does not answer on 127.0.0.1:${port}`);
    else console.warn(`${name} does not answer on 127.0.0.1:${port}; its tests are left out`);
  }
  return found;
}

/** Whether Chromium is there; `AUTHENTIFY_TEST_BROWSER=chromium` says that it must be, as in CI. */
function hasBrowser(): boolean {
  if (findChromium() !== undefined) return true;
  if (process.env.AUTHENTIFY_TEST_BROWSER === 'chromium') throw new Error('chromium is required but not installed');
  console.warn('chromium is not installed; its tests are left out');
  return false;
}

const lib = fileURLToPath(new URL('lib', import.meta.url));
const alias = [
  { find: /^nestjs-authentify$/, replacement: `${lib}/index.ts` },
  { find: /^nestjs-authentify\/([\w-]+)$/, replacement: `${lib}/$1/index.ts` },
];
const shared = {
  pool: 'forks' as const,
  setupFiles: ['test/support/setup.ts'],
  testTimeout: 30_000,
  // Some suites compile the library first.
  hookTimeout: 180_000,
};

/** Suites in `test/unit` and `test/browser` run once; all others once for every database. */
export default defineConfig({
  test: {
    coverage: { include: ['lib/**/*.ts'], reporter: ['text-summary', 'html'] },
    projects: [
      { resolve: { alias }, test: { ...shared, name: 'unit', include: ['test/unit/**/*.spec.ts'] } },
      ...(hasBrowser()
        ? [
            {
              resolve: { alias },
              test: { ...shared, name: 'browser', include: ['test/browser/**/*.spec.ts'], maxWorkers: 1 },
            },
          ]
        : []),
      ...(await databases()).map((database) => ({
        resolve: { alias },
        test: {
          ...shared,
          name: database,
          include: ['test/**/*.spec.ts'],
          exclude: ['test/unit/**', 'test/browser/**'],
          env: { AUTHENTIFY_TEST_DATABASE: database },
        },
      })),
    ],
  },
});
