import { CronExpression } from '@nestjs/schedule';
import type { AuthentifyOptions } from 'nestjs-authentify';
import type { User } from './users/user.entity.js';

/** One place for the app and for `npx authentify --options`. */
export const options: AuthentifyOptions<User> = {
  tokenTtl: '15m',
  refreshTokenTtl: '7d',
  sessionMaxTtl: '30d',
  keepExpiredTokens: '90d',
  pruneSchedule: CronExpression.EVERY_HOUR,
  // So that the walk through this sample sees reuse without waiting for the grace period to pass.
  refreshGracePeriod: process.env.NODE_ENV === 'production' ? '30s' : 0,
  hashSecrets: process.env.TOKEN_HASH_SECRETS?.split(','),
};
