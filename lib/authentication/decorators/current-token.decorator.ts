import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { requestOf } from '../request-context.js';
import { type MemberDecorator, memberOf } from './member-of.js';

/**
 * The token of the session a request acts in, or one property of it; `undefined` where there is none.
 *
 * @example `logout(@CurrentToken() token: AuthToken, @CurrentToken('id') sessionId: string)`
 */
export const CurrentToken: MemberDecorator = createParamDecorator<string | undefined>(
  (key, context: ExecutionContext) => memberOf(requestOf(context).auth, key),
);
