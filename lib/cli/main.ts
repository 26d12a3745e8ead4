#!/usr/bin/env node
import 'reflect-metadata';
import { failureOf } from './failure.js';
import { createProgram } from './program.js';

/** Finishes the work even if the reader stops early, as in `authentify list | head`. */
function outliveReaders(...streams: NodeJS.WriteStream[]): void {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}

/** Runs the command line; an error becomes one line and an exit code. */
async function main(): Promise<void> {
  try {
    await createProgram().parseAsync();
  } catch (error) {
    const { message, exitCode } = failureOf(error);
    if (message) process.stderr.write(`${message}\n`);
    process.exitCode = exitCode;
  }
}

// No top-level await, so that CommonJS apps can load the shared modules.
outliveReaders(process.stdout, process.stderr);
void main();
