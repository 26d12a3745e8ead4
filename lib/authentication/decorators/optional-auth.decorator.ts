import { type CustomDecorator, SetMetadata } from '@nestjs/common';

/** @internal */
export const IS_OPTIONAL = 'authentify:optional';

/**
 * Lets requests without a credential pass anonymously: `request.user` and `request.auth` are `undefined` then.
 * A bad credential is still a 401, and an outage a 503 (R62).
 */
export const OptionalAuth = (): CustomDecorator => SetMetadata(IS_OPTIONAL, true);
