#!/usr/bin/env node
import 'reflect-metadata';
import { failureOf } from './failure.js';
import { createProgram } from './program.js';

/** Lets a reader go early, as in `authentify list | head`: what was begun is still finished. */
function outliveReaders(...streams: NodeJS.WriteStream[]): void {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}

/** Runs the command line; whatever goes wrong becomes one line and an exit code. */
async function main(): Promise<void> {
  try {
    await createProgram().parseAsync();
  } catch (error) {
    const { message, exitCode } = failureOf(error);
    if (message) process.stderr.write(`${message}\n`);
    process.exitCode = exitCode;
  }
}

// No top-level await: a CommonJS app may load what this shares with the library.
outliveReaders(process.stdout, process.stderr);
void main();
