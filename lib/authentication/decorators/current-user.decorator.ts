import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type MemberDecorator, memberOf } from './member-of.js';
import { requestOf } from '../request-context.js';

/**
 * The user a request acts as, or one property of it; `undefined` where nobody is.
 *
 * @example `me(@CurrentUser() user: User, @CurrentUser('email') email: string)`
 */
export const CurrentUser: MemberDecorator = createParamDecorator<string | undefined>((key, context: ExecutionContext) =>
  memberOf(requestOf(context).user, key),
);
