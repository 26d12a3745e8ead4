// What the library says it works with, as rows to run.
import { readFileSync } from 'node:fs';

const { devDependencies, engines } = JSON.parse(readFileSync('package.json', 'utf8'));

const current = (...names) => Object.fromEntries(names.map((name) => [name, devDependencies[name]]));
const nest = (...names) => names.map((name) => `@nestjs/${name}`);
const NEST = nest('common', 'core', 'passport', 'platform-express', 'platform-fastify', 'typeorm');
const NEST_11 = Object.fromEntries(NEST.map((name) => [name, '^11.0.0']));
const TOOLS = ['passport', 'sql.js', 'pg', 'mysql2', 'typescript', '@types/node', '@types/express'];

/** The peers that `package.json` allows, from the newest to the oldest. */
const PEERS = {
  'nest12-typeorm1': current(...NEST, 'typeorm', 'reflect-metadata', 'rxjs'),
  'nest12-typeorm0.3': { ...current(...NEST, 'reflect-metadata', 'rxjs'), typeorm: '^0.3.20' },
  'nest11-typeorm1': { ...NEST_11, ...current('typeorm', 'reflect-metadata', 'rxjs') },
  // Of Nest 11 the newest release; of the others the very oldest.
  'nest11-typeorm0.3.20': { ...NEST_11, typeorm: '0.3.20', 'reflect-metadata': '0.1.13', rxjs: '7.2.0' },
};

/** Node.js as the registry has it: the oldest release `engines` allows, and the newest of each maintained line. */
export const NODES = [engines.node.replace('>=', ''), '20', '22', '24', '26'];

/** One set of peers, installed by one package manager, and the rows that run on it: a program of `apps/` each. */
export const INSTALLATIONS = [
  ...Object.keys(PEERS).map((peers) => installation(peers, 'npm')),
  installation('nest12-typeorm1', 'pnpm'),
  installation('nest11-typeorm0.3.20', 'pnpm'),
  // What only those need who have it: everything else was seen to work without.
  installation('nest12-typeorm1', 'npm', current('@nestjs/swagger')),
  installation('nest11-typeorm0.3.20', 'npm', { '@nestjs/swagger': '^11.0.0' }),
];

function installation(peers, manager, optional = {}) {
  const name = [peers, manager, ...Object.keys(optional)].join(' ');
  const [program, adapters] =
    Object.keys(optional).length === 0 ? ['app', ['express', 'fastify']] : ['swagger', ['express']];
  return {
    name,
    manager,
    program,
    dependencies: { ...current(...TOOLS), ...PEERS[peers], ...optional },
    rows: ['esm', 'cjs'].flatMap((format) =>
      adapters.map((adapter) => ({ name: `${name} ${format} ${adapter}`, format, adapter })),
    ),
  };
}
