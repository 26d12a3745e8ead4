// What the parts cost in process: npm run bench:micro [-- --quick] [verify versions writes storm prune growth scale heap plans]
import { growth } from './micro/growth.mjs';
import { heap } from './micro/heap.mjs';
import { plans } from './micro/plans.mjs';
import { prune } from './micro/prune.mjs';
import { scale } from './micro/scale.mjs';
import { storm } from './micro/storm.mjs';
import { verify } from './micro/verify.mjs';
import { versions } from './micro/versions.mjs';
import { writes } from './micro/writes.mjs';
import { mariadbVersion } from './support/mariadb.mjs';
import { postgresVersion } from './support/postgres.mjs';
import { machine, mayJudge, verdicts, writeResults, writeSection } from './support/report.mjs';

/** In this order, because the first has the control. */
const SECTIONS = { verify, versions, writes, storm, prune, growth, scale, heap, plans };

const isQuick = process.argv.includes('--quick');
const asked = process.argv.slice(2).filter((argument) => argument in SECTIONS);
const databases = [`PostgreSQL ${await postgresVersion()}`, `MariaDB ${await mariadbVersion()}`];
const about = machine(databases, ['typeorm', 'pg', 'mysql2', 'better-sqlite3']);

for (const name of asked.length > 0 ? asked : Object.keys(SECTIONS)) {
  const began = Date.now();
  const { title, rows = {}, markdown, aaSpread } = await SECTIONS[name](isQuick);
  console.log(`\n### ${title} (${Math.round((Date.now() - began) / 1_000)} s)\n\n${markdown}`);
  if (aaSpread !== undefined && !mayJudge(aaSpread, title)) break;
  const judged = Object.keys(rows).length > 0 ? [verdicts(rows)] : [];
  if (judged.length > 0) console.log(`\n${judged[0]}`);
  writeResults(rows);
  writeSection(
    `micro ${name}`,
    [`### ${title}`, isQuick ? `A quick run. ${about}` : about, ...judged, markdown].join('\n\n'),
  );
}
