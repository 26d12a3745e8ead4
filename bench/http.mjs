// How our servers compare with others: npm run bench [-- --quick]
// Each server is a process of its own; all stay up, one at a time is under load, in a new random order each round.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { barChart } from './support/chart.mjs';
import { cpuOf, cpuOfBackends } from './support/cpu.mjs';
import { Connection, drive, request } from './support/load.mjs';
import { withSchema } from './support/postgres.mjs';
import {
  machine,
  mayJudge,
  MOST_SPREAD,
  table,
  verdicts,
  writeChart,
  writeResults,
  writeSection,
} from './support/report.mjs';
import { fillPostgres } from './support/sessions.mjs';
import { median, quantile, shuffled, spread } from './support/statistics.mjs';

const isQuick = process.argv.includes('--quick');
const ROUNDS = isQuick ? 5 : 11;
const SECONDS = isQuick ? 0.8 : 2;
/** A server is warm after so many requests, or so many seconds. */
const WARM_UP = { requests: 3_000, seconds: isQuick ? 3 : 10 };
/** Seconds after which a quick run leaves out rounds, so that it ends in time on a busy machine too. */
const PATIENCE = isQuick ? 190 : Infinity;
const FEWEST_ROUNDS = 3;
/** How often a group is measured until its control is quiet; a quick run stops trying after so many seconds. */
const ATTEMPTS = 3;
const TRYING = isQuick ? 260 : Infinity;
const USERS = 5_000;
const SESSIONS = isQuick ? 20_000 : 50_000;

/** Where the servers' programs are, and their names in tables. */
const SERVERS = {
  'fastify ours': 'Fastify, nestjs-authentify',
  'fastify bare': 'Fastify, nothing',
  'fastify raw': 'Fastify, one raw prepared query',
  'fastify find-one': 'Fastify, AuthGuard + findOne',
  'express ours': 'Express, nestjs-authentify',
  'express bare': 'Express, nothing',
  'express raw': 'Express, one raw prepared query',
  'express jwt': 'Express, passport-jwt, no user',
  'express jwt-user': 'Express, passport-jwt + findOneBy',
  'express find-one': 'Express, AuthGuard + findOne',
  'express session': 'Express, express-session + pg',
  'express better-auth': 'Express, better-auth',
};

const CONTROL = ' (again)';

/** What is interleaved: servers under some kind of work, the first of them a second time as the control. */
function group(connections, work, servers) {
  const targets = servers.map((server) => ({ name: server, server, work }));
  const [control] = servers;
  return { connections, targets: [...targets, { name: control + CONTROL, server: control, work }] };
}

const GROUPS = {
  50: group(50, 'verify', Object.keys(SERVERS)),
  200: group(200, 'verify', ['fastify ours', 'fastify raw', 'express ours', 'express raw']),
  1: group(1, 'verify', ['fastify ours', 'fastify raw']),
  login: group(50, 'login', ['express ours', 'express raw']),
  refresh: group(50, 'refresh', ['express ours', 'express raw']),
};

async function start(server, schema) {
  const [adapter, kind] = server.split(' ');
  const program = fileURLToPath(new URL('servers/start.mjs', import.meta.url));
  const child = fork(program, [kind, adapter, schema], { env: { ...process.env, NODE_ENV: 'production' } });
  const [message] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  if (typeof message !== 'object') throw new Error(`The server ${server} did not start`);
  return { ...message, child };
}

/** Requests of a kind of work; each connection goes its own way. */
const WORK = {
  verify:
    ({ requests }) =>
    () =>
      requests[Math.floor(Math.random() * requests.length)],
  login: () => {
    const logins = Array.from({ length: USERS }, (_, index) =>
      request('POST', '/login', { body: { userId: index + 1 } }),
    );
    return () => logins[Math.floor(Math.random() * USERS)];
  },
  refresh: (_, pairs) => (index, body) => {
    const { refreshToken } = JSON.parse(body ?? pairs[index]);
    return request('POST', '/refresh', { body: { refreshToken } });
  },
};

async function measure({ server, work }, connections, seconds, client) {
  const clients = await Promise.all(Array.from({ length: connections }, () => Connection.open(server.port)));
  try {
    const login = request('POST', '/login', { body: { userId: 1 } });
    const pairs = work === 'refresh' ? await Promise.all(clients.map((connection) => connection.send(login))) : [];
    const next = WORK[work](server, pairs);
    const cpu = async () => [await cpuOf(server.child.pid), await cpuOfBackends(client, server.name)];
    const before = await cpu();
    const done = await drive(clients, seconds, next);
    const after = await cpu();
    const [own, database] = after.map((time, index) => (time - before[index]) / done.requests);
    return { requests: done.requests, rps: done.requests / done.seconds, own, database, cpu: own + database };
  } finally {
    for (const connection of clients) connection.close();
  }
}

async function warmUp(target, connections, client) {
  const end = performance.now() + WARM_UP.seconds * 1_000;
  let requests = 0;
  while (requests < WARM_UP.requests && performance.now() < end) {
    requests += (await measure(target, connections, 0.5, client)).requests;
  }
}

async function measureGroup(name, servers, client, endsAt) {
  const { connections, targets } = GROUPS[name];
  const runnable = targets.map((target) => ({ ...target, server: servers[target.server] }));
  const samples = Object.fromEntries(targets.map((target) => [target.name, []]));
  for (const target of runnable) await warmUp(target, connections, client);
  for (let round = 1; round <= ROUNDS; round += 1) {
    if (round > FEWEST_ROUNDS && performance.now() > endsAt) break;
    for (const target of shuffled(runnable)) {
      samples[target.name].push(await measure(target, connections, SECONDS, client));
      await sleep(50);
    }
    process.stdout.write(`\r${name}: round ${round} of ${ROUNDS} `);
  }
  process.stdout.write('\n');
  return samples;
}

/** All servers, all groups: samples by group and target. */
function measureAll() {
  return withSchema('http', async (schema, client) => {
    const servers = {};
    try {
      const tokens = await fillPostgres(client, { users: USERS, sessions: SESSIONS });
      const bearers = tokens.map((token) => `authorization: Bearer ${token}`);
      for (const name of Object.keys(SERVERS)) {
        const server = await start(name, schema);
        const credentials = server.credentials ?? bearers;
        const requests = credentials.map((header) => request('GET', '/me', { headers: [header] }));
        servers[name] = { ...server, requests };
      }
      const samples = {};
      const all = Object.values(GROUPS).reduce((sum, { targets }) => sum + targets.length, 0);
      const began = performance.now();
      for (const [name, { targets }] of Object.entries(GROUPS)) {
        const patience = (PATIENCE * 1_000 * targets.length) / all;
        for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
          samples[name] = await measureGroup(name, servers, client, performance.now() + patience);
          if (controlOf(samples[name]) <= MOST_SPREAD || performance.now() - began > TRYING * 1_000) break;
        }
      }
      return { samples, database: (await client.query('SHOW server_version')).rows[0].server_version };
    } finally {
      await Promise.all(Object.values(servers).map(({ child }) => stop(child)));
    }
  });
}

async function stop(child) {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill();
  await ended;
}

const column = (samples, figure) => samples.map((sample) => sample[figure]);
const middle = (samples, figure) => median(column(samples, figure));
const ratio = (one, other, figure) => middle(one, figure) / middle(other, figure);

/** What is judged, by group. */
const RATIOS = {
  50: (of) => ({
    'fastify50.cpu': ratio(of['fastify ours'], of['fastify raw'], 'cpu'),
    'express50.cpu': ratio(of['express ours'], of['express raw'], 'cpu'),
    'fastify.vsFindOne.rps': ratio(of['fastify ours'], of['fastify find-one'], 'rps'),
    'express.vsFindOne.rps': ratio(of['express ours'], of['express find-one'], 'rps'),
    'express.vsJwtKeyObject.rps': ratio(of['express ours'], of['express jwt'], 'rps'),
    'express.vsBetterAuth.rps': ratio(of['express ours'], of['express better-auth'], 'rps'),
  }),
  200: (of) => ({
    'fastify200.cpu': ratio(of['fastify ours'], of['fastify raw'], 'cpu'),
    'express200.cpu': ratio(of['express ours'], of['express raw'], 'cpu'),
  }),
  1: (of) => ({
    'c1.cpu': ratio(of['fastify ours'], of['fastify raw'], 'cpu'),
    'c1.rps': ratio(of['fastify ours'], of['fastify raw'], 'rps'),
  }),
  login: (of) => ({ 'login.vsRaw.rps': ratio(of['express ours'], of['express raw'], 'rps') }),
  refresh: (of) => ({ 'refresh.vsRaw.rps': ratio(of['express ours'], of['express raw'], 'rps') }),
};

/** The control of a group: how far its two equal names are apart. */
function controlOf(samples) {
  const control = Object.keys(samples).find((name) => name.endsWith(CONTROL));
  const original = control.slice(0, -CONTROL.length);
  const byRate = Math.abs(ratio(samples[control], samples[original], 'rps') - 1);
  return Math.max(byRate, spread(column(samples[control], 'cpu'), column(samples[original], 'cpu')));
}

function tableOf(samples) {
  const cells = Object.entries(samples).map(([name, own]) => {
    const label = name.endsWith(CONTROL) ? SERVERS[name.slice(0, -CONTROL.length)] + CONTROL : SERVERS[name];
    const quartiles = (figure) =>
      [0.25, 0.75].map((share) => Math.round(quantile(column(own, figure), share))).join('–');
    const figures = ['own', 'database'].map((figure) => Math.round(middle(own, figure)));
    const whole = `${Math.round(middle(own, 'cpu'))} (${quartiles('cpu')})`;
    return [label, figures[0], figures[1], whole, `${Math.round(middle(own, 'rps'))} (${quartiles('rps')})`];
  });
  return table(['', 'server CPU µs', 'database CPU µs', 'both (quartiles)', 'requests/s (quartiles)'], cells);
}

function chartOf(samples) {
  const bars = Object.entries(SERVERS).map(([name, label]) => ({
    label,
    parts: [middle(samples[name], 'own'), middle(samples[name], 'database')],
    isOurs: name.endsWith('ours'),
  }));
  return barChart({
    title: 'CPU time of an authenticated request, 50 connections',
    legend: 'Dark: server. Light: PostgreSQL. Median of interleaved rounds; less is better.',
    unit: 'µs',
    bars,
  });
}

const { samples, database } = await measureAll();
const titles = {
  50: '50 connections',
  200: '200 connections',
  1: 'One connection',
  login: 'Login',
  refresh: 'Refresh',
};
const tables = Object.entries(titles).map(([name, title]) => `### ${title}\n\n${tableOf(samples[name])}`);
console.log(`\n${tables.join('\n\n')}`);

const controls = Object.entries(titles).map(([name, title]) => ({ name, title, spread: controlOf(samples[name]) }));
const judged = controls.filter((control) => mayJudge(control.spread, control.title));
if (judged.length > 0) {
  const aaSpread = Math.max(...judged.map((control) => control.spread));
  const ratios = Object.assign({}, ...judged.map(({ name }) => RATIOS[name](samples[name])));
  console.log(`\n${verdicts(ratios)}`);
  const packages = [
    '@nestjs/core',
    '@nestjs/platform-express',
    '@nestjs/platform-fastify',
    '@nestjs/passport',
    'typeorm',
    'pg',
  ];
  const rivals = ['passport-jwt', 'express-session', 'connect-pg-simple', 'better-auth'];
  writeResults(ratios, aaSpread);
  if ('fastify50.cpu' in ratios) writeChart(chartOf(samples[50]));
  writeSection(
    'http',
    [
      machine([`PostgreSQL ${database}`], [...packages, ...rivals]),
      `${isQuick ? 'A quick run, up to ' : ''}${ROUNDS} rounds of ${SECONDS} s for each server, in random order, ${SESSIONS} sessions of ${USERS} users; login and ` +
        'refresh with 50 connections. The A/A control is the first server of each group under a second name. Its spread is ' +
        'the largest of: how far the ratio of their medians is from 1, of CPU and of requests/s, and half the interquartile ' +
        `range of the CPU ratios by round. A group whose control is restless is measured again, and not judged after ${ATTEMPTS} ` +
        `times. ${controls.map((one) => `${one.title}: ${(100 * one.spread).toFixed(1)} %`).join('; ')}.`,
      verdicts(ratios),
      '![CPU time of an authenticated request](chart.svg)',
      ...tables,
      'express-session writes at each request, as connect-pg-simple does by default. passport-jwt has its secret as a ' +
        'prepared KeyObject. better-auth answers from its database, without its cookie cache.',
    ].join('\n\n'),
  );
}
