import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../../authentify.constants.js';
import { AuthentifyEvents } from '../../events/authentify-events.js';
import type { ResolvedOptions } from '../../options/resolved-options.js';
import { isForeignWrite } from '../csrf.js';
import { crossSite } from '../denials.js';
import { requestOf } from '../request-context.js';

/**
 * The cross-site check as a guard of its own, for login and refresh routes in cookie mode: they set or read cookies
 * but carry no session that the other guards would check (R54). It follows the option `csrf`.
 *
 * @example
 * ```ts
 * @Public()
 * @UseGuards(CrossSiteGuard)
 * @Post('login')
 * ```
 * @throws ForbiddenException (403) for an unsafe request from a foreign site.
 */
@Injectable()
export class CrossSiteGuard implements CanActivate {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly events: AuthentifyEvents,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    if (!isForeignWrite(requestOf(context), this.options.csrf)) return true;
    this.events.reject('cross-site', undefined);
    throw crossSite();
  }
}
