import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

const { randomBytes } = crypto;

/** What everybody in this process draws random bytes from, until the next call; from chance again without a source. */
export function drawFrom(source: (size: number) => Buffer = randomBytes): void {
  crypto.randomBytes = source as typeof randomBytes;
  syncBuiltinESMExports();
}
