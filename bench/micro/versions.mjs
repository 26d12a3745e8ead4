import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dataSourceOptions, withSchema } from '../support/postgres.mjs';
import { table } from '../support/report.mjs';
import { fillPostgres } from '../support/sessions.mjs';
import { median, shuffled, spread } from '../support/statistics.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const OLDEST = '0.3.20';

/** Verification in two apps that differ in nothing but their TypeORM; the newer one runs twice, as the control. */
export async function versions(isQuick) {
  const work = mkdtempSync(join(tmpdir(), 'authentify-versions-'));
  try {
    const tarball = pack(work);
    const folders = Object.fromEntries(
      [OLDEST, devDependencies.typeorm].map((version) => [version, install(work, version, tarball)]),
    );
    return await withSchema('versions', async (schema, client) => {
      const tokens = await fillPostgres(client, { users: 5_000, sessions: 20_000 });
      const options = { ...dataSourceOptions(schema), entities: undefined };
      const names = { old: OLDEST, new: devDependencies.typeorm, again: devDependencies.typeorm };
      const apps = {};
      try {
        for (const [name, version] of Object.entries(names)) {
          apps[name] = fork(join(folders[version], 'verify-app.mjs'), [JSON.stringify(options)]);
          await once(apps[name], 'message');
          apps[name].send(tokens);
        }
        return report(await interleaved(apps, isQuick));
      } finally {
        for (const app of Object.values(apps)) app.disconnect();
      }
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function pack(work) {
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', work], { cwd: ROOT, stdio: 'ignore' });
  return join(
    work,
    readdirSync(work).find((name) => name.endsWith('.tgz')),
  );
}

function install(work, typeorm, tarball) {
  const folder = join(work, `typeorm-${typeorm.replace('^', '')}`);
  mkdirSync(folder);
  const nest = ['common', 'core', 'passport', 'typeorm'].map((name) => `@nestjs/${name}`);
  const own = [...nest, 'passport', 'pg', 'reflect-metadata', 'rxjs'].map((name) => [name, devDependencies[name]]);
  const dependencies = { ...Object.fromEntries(own), typeorm, 'nestjs-authentify': `file:${tarball}` };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder, stdio: 'inherit' });
  copyFileSync(join(ROOT, 'bench/support/verify-app.mjs'), join(folder, 'verify-app.mjs'));
  return folder;
}

async function interleaved(apps, isQuick) {
  const samples = Object.fromEntries(Object.keys(apps).map((name) => [name, []]));
  const times = isQuick ? 1_000 : 3_000;
  // The first rounds warm up.
  for (let round = -3; round < (isQuick ? 15 : 40); round += 1) {
    for (const name of shuffled(Object.keys(apps))) {
      apps[name].send(times);
      const [cpu] = await once(apps[name], 'message');
      if (round >= 0) samples[name].push(cpu);
    }
  }
  return samples;
}

function report(samples) {
  const ratio = median(samples.old) / median(samples.new);
  const cells = Object.entries({ old: `TypeORM ${OLDEST}`, new: 'TypeORM 1', again: 'TypeORM 1 (again)' });
  return {
    title: 'Verification by version of TypeORM',
    rows: { 'verify.typeorm03': ratio },
    aaSpread: spread(samples.again, samples.new),
    markdown: `${table(
      ['', 'CPU µs'],
      cells.map(([name, label]) => [label, median(samples[name]).toFixed(1)]),
    )}

PostgreSQL, one after the other, in an app of the packed library each. CPU is of the app.`,
  };
}
