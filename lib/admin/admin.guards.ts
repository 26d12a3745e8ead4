import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Inject,
  Injectable,
  Logger,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { crossSiteRefusal, isForeignWrite } from '../authentication/csrf.js';
import { isSafe, type AuthenticatedRequest, type TransportRequest } from '../authentication/request.js';
import { requestOf } from '../authentication/transports.js';
import type { AdminAttribution } from '../events/authentify-event.js';
import { ADMIN_OPTIONS, type AdminAction, readActions, type ResolvedAdminOptions } from './admin-options.js';
import { AdminRegistration } from './admin-registration.js';

/** The cross-site check where the app has switched its own off: the browsers of its administrators need one. */
const STRICT = { trustedOrigins: [], requireOrigin: false };

/**
 * Refuses requests that another site could make an administrator's browser send, whatever the guards of the app rely on: a
 * cookie, a password in the browser, or the network (R54). Only JSON is accepted, which no HTML form can send.
 *
 * @throws ForbiddenException (403), UnsupportedMediaTypeException (415).
 */
@Injectable()
export class AdminRequestGuard implements CanActivate {
  constructor(private readonly registration: AdminRegistration) {}

  canActivate(context: ExecutionContext): boolean {
    const request = requestOf(context);
    if (isSafe(request)) return true;
    const { options, events } = this.registration;
    if (isForeignWrite(request, options.csrf || STRICT)) throw crossSiteRefusal(request, events);
    if (!isJson(request)) throw new UnsupportedMediaTypeException('Send JSON: Content-Type: application/json');
    return true;
  }
}

function isJson({ headers }: TransportRequest): boolean {
  const type = headers['content-type'];
  return typeof type === 'string' && /^application\/json\s*(?:;|$)/i.test(type);
}

/** Marks a route with the action that must be granted for it. */
export const Action = Reflector.createDecorator<AdminAction>();

/** Fits the columns and lines of audit logs, and cannot forge another line. */
const ACTOR = /^\P{Cc}{1,255}$/u;

/** The administrators as the app describes them: what each may do, and their name in events (R76). */
@Injectable()
export class Administrators {
  private readonly logger = new Logger(Administrators.name);
  private hasWarned = false;

  constructor(@Inject(ADMIN_OPTIONS) private readonly options: ResolvedAdminOptions) {}

  /** @throws the errors of the app's function; AuthentifyConfigurationError if it does not return a list of actions. */
  async actionsOf(request: AuthenticatedRequest): Promise<ReadonlySet<AdminAction>> {
    const { actions } = this.options;
    return typeof actions === 'function' ? readActions(await actions(request)) : actions;
  }

  /** @throws the errors of the app's function; TypeError if it names no one. The action must then not be performed. */
  attributionOf(request: AuthenticatedRequest): AdminAttribution {
    const by = this.options.actor ? this.options.actor(request) : this.keyOf(request);
    if (by === undefined && !this.options.actor) return { via: 'admin' };
    if (typeof by === 'string' && ACTOR.test(by)) return { by, via: 'admin' };
    throw new TypeError(
      'The option actor names no one, so nothing was done; it must return 1 to 255 characters without control characters',
    );
  }

  private keyOf({ auth, user }: Partial<AuthenticatedRequest>): string | undefined {
    const key: unknown = auth?.userId ?? (user as { id?: unknown } | null | undefined)?.id;
    if (typeof key === 'string' || typeof key === 'number' || typeof key === 'bigint') return String(key);
    if (!this.hasWarned) {
      this.logger.warn('The guards do not identify the administrator, so events have no "by"; set the option actor');
    }
    this.hasWarned = true;
    return undefined;
  }
}

/** Refuses an action that is not granted. Runs after the app's guards, which say who is there. @throws ForbiddenException (403). */
@Injectable()
export class AdminActionGuard implements CanActivate {
  constructor(
    private readonly administrators: Administrators,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const action = this.reflector.get(Action, context.getHandler());
    if (action === undefined) return true;
    const granted = await this.administrators.actionsOf(requestOf(context) as AuthenticatedRequest);
    if (!granted.has(action)) throw new ForbiddenException(`You are not allowed to perform this action: ${action}`);
    return true;
  }
}
