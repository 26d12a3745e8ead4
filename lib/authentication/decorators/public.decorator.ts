import { type CustomDecorator, SetMetadata } from '@nestjs/common';

/** @internal */
export const IS_PUBLIC = 'authentify:public';

/**
 * Opens a route, or a whole controller, to everybody: the guards of this library do not look at the request at all,
 * not even at a bad credential. Meant for login and refresh; for pages that greet a known user see `@OptionalAuth()`.
 */
export const Public = (): CustomDecorator => SetMetadata(IS_PUBLIC, true);
