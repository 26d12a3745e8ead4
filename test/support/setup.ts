import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { afterEach, vi } from 'vitest';

// Suites that look at logs install their own logger.
Logger.overrideLogger(false);

afterEach(() => {
  vi.useRealTimers();
});
