// What others make of the OpenAPI document of an app with two user types: linters find no fault in it, and the clients
// that generators make of it compile, and work on both adapters. Needs what `npm run build` made.
//   node .ci/openapi/run.mjs
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const TOOLS = `${HERE}tools/`;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const run = async (cwd, command, ...args) => {
  const env = { ...process.env, NO_COLOR: '1', REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  try {
    return (await promisify(execFile)(command, args, { cwd, env, maxBuffer: 1e8 })).stdout;
  } catch (error) {
    const message = `${command} ${args.join(' ')}\n${error.stdout}\n${error.stderr}`;
    throw Object.assign(new Error(message), { stdout: error.stdout });
  }
};
const SWAGGER_TYPESCRIPT_API = [
  ...'--silent --enum-style=union --import-file-extension=.js'.split(' '),
  ...'-p generated/openapi.json -o generated -n swagger-typescript-api.ts'.split(' '),
];
const tool = (name, ...args) => run(TOOLS, `${TOOLS}node_modules/.bin/${name}`, ...args);

await run(ROOT, process.execPath, 'docs/tools/install.mjs', TOOLS);
await run(ROOT, 'node_modules/.bin/tsc', '-p', '.ci/openapi/tsconfig.json');
const { startApp } = await import('./build/app.js');

const apps = { express: await startApp('express'), fastify: await startApp('fastify') };
try {
  const [document, other] = Object.values(apps).map(({ document }) => JSON.stringify(document, null, 2));
  assert.equal(other, document, 'The adapters make different documents.');
  for (const folder of ['build', 'generated']) rmSync(TOOLS + folder, { recursive: true, force: true });
  mkdirSync(`${TOOLS}generated`);
  writeFileSync(`${TOOLS}generated/openapi.json`, document);

  const faults = (await Promise.all([redocly(), spectral()])).flat();
  assert.deepEqual(faults, [], 'Linters object to the document.');
  console.log('redocly and spectral find no fault');

  await Promise.all([
    tool('openapi-typescript', 'generated/openapi.json', '-o', 'generated/openapi-typescript.d.ts'),
    tool('openapi-ts', '-f', 'hey-api.config.mjs'),
    tool('swagger-typescript-api', 'generate', ...SWAGGER_TYPESCRIPT_API),
  ]);
  await tool('tsc');
  console.log('three clients compile');

  const { walk } = await import('./tools/build/clients/walk.js');
  for (const client of ['openapi-fetch', 'hey-api', 'swagger-typescript-api']) {
    const { makeClient } = await import(`./tools/build/clients/${client}.js`);
    for (const [adapter, { url }] of Object.entries(apps)) {
      for (const transport of ['header', 'cookie']) {
        await walk(makeClient, url, transport);
        console.log(`${client} on ${adapter}, by ${transport}: walked`);
      }
    }
  }
} finally {
  await Promise.all(Object.values(apps).map(({ app }) => app.close()));
}

/** Errors anywhere, and warnings about what is the library's. */
async function redocly() {
  const report = await tool(
    'redocly',
    'lint',
    '--extends=recommended',
    '--format=json',
    'generated/openapi.json',
  ).catch(({ stdout }) => stdout);
  return JSON.parse(report)
    .problems.map(({ ruleId, severity, location: [{ pointer }] }) => ({
      rule: ruleId,
      isError: severity === 'error',
      where: pointer
        .replace('#/', '')
        .split('/')
        .map((part) => part.replaceAll('~1', '/')),
    }))
    .filter(isFault);
}

async function spectral() {
  const report = await tool(
    'spectral',
    'lint',
    '-q',
    '-f',
    'json',
    '-r',
    'spectral.yaml',
    'generated/openapi.json',
  ).catch(({ stdout }) => stdout);
  return JSON.parse(report)
    .map(({ code, severity, path }) => ({ rule: code, isError: severity === 0, where: path }))
    .filter(isFault);
}

function isFault({ rule, isError, where }) {
  const [section, name = ''] = where;
  const isOurs = section === 'components' || (section === 'paths' && /^\/(staff\/)?auth\//.test(name));
  // Which tags a document explains is for the app to say.
  return isError || (isOurs && rule !== 'operation-tag-defined');
}
