// What the library says it works with, as rows to run.
import { readFileSync } from 'node:fs';

const { devDependencies, engines } = JSON.parse(readFileSync('package.json', 'utf8'));

const current = (...names) => Object.fromEntries(names.map((name) => [name, devDependencies[name]]));
const nest = (...names) => names.map((name) => `@nestjs/${name}`);
const NEST = nest('common', 'core', 'passport', 'platform-express', 'platform-fastify', 'typeorm');
const NEST_11 = Object.fromEntries(NEST.map((name) => [name, '^11.0.0']));
const TOOLS = ['passport', 'sql.js', 'pg', 'mysql2', 'typescript', '@types/node', '@types/express'];

/** Only apps have them. */
const BUNDLERS = { webpack: '^5.113.0', esbuild: '^0.28.2' };

/** The peers that `package.json` allows, from the newest to the oldest. */
const PEERS = {
  'nest12-typeorm1': current(...NEST, 'typeorm', 'reflect-metadata', 'rxjs'),
  'nest12-typeorm0.3': { ...current(...NEST, 'reflect-metadata', 'rxjs'), typeorm: '^0.3.20' },
  'nest11-typeorm1.0.0': { ...NEST_11, ...current('reflect-metadata', 'rxjs'), typeorm: '1.0.0' },
  // Of Nest 11 the newest release; of the others the very oldest.
  'nest11-typeorm0.3.20': { ...NEST_11, typeorm: '0.3.20', 'reflect-metadata': '0.1.13', rxjs: '7.2.0' },
};

/** The programs of `apps/`, in which variants they run, and what they need that all others were seen to work without. */
const PROGRAMS = {
  app: { variants: ['express', 'fastify'], needs: [] },
  swagger: { variants: ['express'], needs: nest('swagger') },
  http2: { variants: ['plain', 'tls'], needs: [] },
  bundle: { variants: ['webpack', 'esbuild'], needs: ['webpack', 'esbuild'] },
  sockets: {
    variants: ['socket.io', 'ws'],
    needs: [...nest('websockets', 'platform-socket.io', 'platform-ws'), 'ws', '@types/ws', 'socket.io-client'],
  },
};

/** Node.js as the registry has it: the oldest release `engines` allows, and the newest of each maintained line. */
export const NODES = [engines.node.replace('>=', ''), '20', '22', '24', '26'];

/** One set of peers, installed by one package manager, and the rows that run on it: one program each. */
export const INSTALLATIONS = [
  ...Object.keys(PEERS).map((peers) => installation(peers, 'npm', 'app')),
  installation('nest12-typeorm1', 'pnpm', 'app'),
  installation('nest11-typeorm0.3.20', 'pnpm', 'app'),
  ...['swagger', 'sockets'].flatMap((program) => [
    installation('nest12-typeorm1', 'npm', program),
    installation('nest11-typeorm0.3.20', 'npm', program),
  ]),
  installation('nest12-typeorm1', 'npm', 'http2', ['esm']),
  installation('nest12-typeorm1', 'npm', 'bundle', ['esm']),
  installation('nest11-typeorm0.3.20', 'npm', 'bundle', ['cjs']),
];

function installation(peers, manager, program, formats = ['esm', 'cjs']) {
  const name = `${peers} ${manager} ${program}`;
  const { variants, needs } = PROGRAMS[program];
  const isOld = peers.startsWith('nest11');
  const optional = needs.map((need) => [
    need,
    isOld && need.startsWith('@nestjs/') ? '^11.0.0' : (BUNDLERS[need] ?? devDependencies[need]),
  ]);
  return {
    name,
    manager,
    program,
    dependencies: { ...current(...TOOLS), ...PEERS[peers], ...Object.fromEntries(optional) },
    rows: formats.flatMap((format) =>
      variants.map((variant) => ({ name: `${name} ${format} ${variant}`, format, variant })),
    ),
  };
}
