import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { Deadlines } from '../sessions/lifetimes.js';
import type { AnyAuthToken } from '../sessions/entities/abstract-auth-token.js';
import { Sliding } from '../sessions/sliding.js';
import { AuthHooks } from './hooks.js';
import { Challenge, refusalOf } from './challenge.js';
import { unauthorized } from './refusals.js';
import { routeOf } from './guards/route.js';
import { assertRequirements } from './guards/requirement.guard.js';
import { type Authentication, RequestAuthenticator } from './authenticator.js';
import { requestOf, responseOf } from './transports.js';
import { TokenCookies } from './token-cookies.js';

/**
 * Extends the session of a request, once per `autoRefreshInterval`, after all guards and before the handler, when headers
 * can still be set. The access cookie, if the request used one, is written again with its new Max-Age.
 * `autoRefresh: true` registers it for all routes; for single routes, use `@UseInterceptors`.
 *
 * @throws AuthentifyConfigurationError at boot without `autoRefreshInterval`.
 */
@Injectable()
export class AutoRefreshInterceptor implements NestInterceptor {
  @Inject() private readonly authenticator: RequestAuthenticator;
  @Inject() private readonly slider: Sliding<AnyAuthToken>;
  @Inject() private readonly hooks: AuthHooks;
  @Inject() private readonly cookies: TokenCookies;
  @Inject() private readonly challenge: Challenge;

  /** @throws AuthentifyConfigurationError without `autoRefreshInterval`. */
  constructor(@Inject(AUTHENTIFY_OPTIONS) options: ResolvedOptions) {
    if (options.autoRefreshInterval === null) {
      throw new AuthentifyConfigurationError('autoRefreshInterval', 'is required by AutoRefreshInterceptor; try 300');
    }
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> | Promise<Observable<unknown>> {
    // Messages of a microservice are in no session. Those of a socket have no response to write the cookie to: what was
    // refreshed over HTTP counts for the socket too.
    const request = context.getType() === 'rpc' ? undefined : requestOf(context);
    if (!request || request.openedSocket) return next.handle();
    const authentication = this.authenticator.authenticationOf(request);
    const deadlines = authentication?.token && this.slider.due(authentication.token);
    if (!deadlines) return next.handle();
    return this.extend(context, authentication, deadlines).then(() => next.handle());
  }

  /** Behind a guard that is not the library's, what the route asks of the session may not be decided yet (R69). */
  private async extend(context: ExecutionContext, authentication: Authentication, deadlines: Deadlines): Promise<void> {
    if (routeOf(context).requirements.length > 0) await assertRequirements(context, { challenge: this.challenge });
    authentication.slide ??= this.slide(context, authentication, deadlines);
    await authentication.slide;
  }

  private async slide(
    context: ExecutionContext,
    { token, credential }: Authentication,
    deadlines: Deadlines,
  ): Promise<void> {
    if (!token) return;
    const { rawToken, cookieName } = credential;
    const outcome = await this.slider.slide(token, rawToken, deadlines);
    if (outcome === 'unchanged') return;
    if (outcome === 'ended') {
      throw await refusalOf(unauthorized(), context, { challenge: this.challenge, invalidToken: true });
    }
    if (cookieName !== undefined) this.cookies.renew(responseOf(context), cookieName, rawToken, token);
    await this.runHook(context, rawToken);
  }

  private async runHook(context: ExecutionContext, rawToken: string): Promise<void> {
    const request = requestOf(context);
    if (!request.auth) return;
    const { user, auth: token } = request;
    const result = await this.hooks.run('postAutoRefreshHandler', { user, token, rawToken, request });
    request.user = result.user;
    request.auth = result.token;
  }
}
