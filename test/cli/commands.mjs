// The command line as a process that stays, so that Nest and TypeORM are loaded once for all commands:
//   node commands.mjs <folder of the compiled library>
// Its parent sends `{ args, dataSource }`, one command after the other, and is answered `{ code, stdout, stderr }`.
import 'reflect-metadata';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const load = (file) => import(pathToFileURL(join(process.argv[2], 'cli', file)).href);
const { createProgram } = await load('program.js');
const { failureOf } = await load('failure.js');

process.on('message', async ({ args, dataSource }) => {
  process.env.AUTHENTIFY_TEST_DATA_SOURCE = JSON.stringify(dataSource);
  process.send(await run(args));
});
process.send('ready');

/** Does what `main.js` does, and collects what is written meanwhile. */
async function run(args) {
  const written = { stdout: '', stderr: '' };
  for (const name of Object.keys(written)) process[name].write = (text) => Boolean((written[name] += text));
  process.exitCode = 0;
  try {
    await createProgram().parseAsync(args, { from: 'user' });
  } catch (error) {
    const { message, exitCode } = failureOf(error);
    if (message) process.stderr.write(`${message}\n`);
    process.exitCode = exitCode;
  }
  for (const name of Object.keys(written)) delete process[name].write;
  return { code: process.exitCode, ...written };
}
