// What the library says it works with, as rows to run. One installation has one set of peers and one package manager.
import { readFileSync } from 'node:fs';

const { devDependencies, engines } = JSON.parse(readFileSync('package.json', 'utf8'));

const NEST_PACKAGES = ['common', 'core', 'passport', 'platform-express', 'platform-fastify', 'typeorm'];
const NEST_12 = Object.fromEntries(
  NEST_PACKAGES.map((name) => [`@nestjs/${name}`, devDependencies[`@nestjs/${name}`]]),
);
const NEST_11 = Object.fromEntries(NEST_PACKAGES.map((name) => [`@nestjs/${name}`, '^11.0.0']));
const TYPEORM_1 = { typeorm: devDependencies.typeorm };
const SAME = [
  'passport',
  'reflect-metadata',
  'rxjs',
  'sql.js',
  'pg',
  'mysql2',
  'typescript',
  '@types/node',
  '@types/express',
];

/** The peers that `package.json` allows, from the newest to the oldest. */
const PEERS = {
  'nest12-typeorm1': { ...NEST_12, ...TYPEORM_1 },
  'nest12-typeorm0.3': { ...NEST_12, typeorm: '^0.3.20' },
  'nest11-typeorm1': { ...NEST_11, ...TYPEORM_1 },
  // Of Nest 11 the newest release; of the others the very oldest.
  'nest11-typeorm0.3.20': { ...NEST_11, typeorm: '0.3.20', 'reflect-metadata': '0.1.13', rxjs: '7.2.0' },
};

const FORMATS = ['esm', 'cjs'];
const ADAPTERS = ['express', 'fastify'];

/** Node.js as the registry has it: the oldest release `engines` allows, and the newest of each maintained line. */
export const NODES = [engines.node.replace('>=', ''), '20', '22', '24', '26'];

/** One set of peers, installed by one package manager, and the rows that run on it. */
export const INSTALLATIONS = [
  ...Object.keys(PEERS).map((peers) => ({ peers, manager: 'npm' })),
  { peers: 'nest12-typeorm1', manager: 'pnpm' },
  { peers: 'nest11-typeorm0.3.20', manager: 'pnpm' },
].map(({ peers, manager }) => ({
  name: `${peers} ${manager}`,
  manager,
  dependencies: { ...Object.fromEntries(SAME.map((name) => [name, devDependencies[name]])), ...PEERS[peers] },
  rows: FORMATS.flatMap((format) =>
    ADAPTERS.map((adapter) => ({ name: `${peers} ${manager} ${format} ${adapter}`, format, adapter })),
  ),
}));
