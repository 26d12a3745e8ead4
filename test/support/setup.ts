import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, vi } from 'vitest';

// Suites that look at logs install their own logger.
Logger.overrideLogger(false);

afterEach(() => {
  vi.useRealTimers();
});
// The next file runs in the same process.
afterAll(() => vi.restoreAllMocks());
