import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { CrossSiteCheck } from '../cross-site-check.js';
import { failureIn, requestOf } from '../request-context.js';

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
  constructor(private readonly crossSite: CrossSiteCheck) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    try {
      this.crossSite.assertOwnSite(requestOf(context));
      return true;
    } catch (error) {
      throw await failureIn(context, error);
    }
  }
}
