import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Inject,
  Injectable,
  Logger,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { requestOf } from '../authentication/request-context.js';
import type { AuthenticatedRequest } from '../authentication/transport-request.js';
import type { Attribution } from '../events/authentify-event.js';
import { ADMIN_OPTIONS, type AdminAction, readActions, type ResolvedAdminOptions } from './admin-options.js';

/** Says what a route does, if that has to be granted. */
export const Does = Reflector.createDecorator<AdminAction>();

/** Fits the columns and lines that audit logs have, and cannot forge another line. */
const NAME = /^\P{Cc}{1,255}$/u;

/** What may be done in a request, and whose act it is: what the app says of its administrators (R76). */
@Injectable()
export class AdminActs {
  private readonly logger = new Logger('AuthentifyAdminModule');
  private hasWarned = false;

  constructor(@Inject(ADMIN_OPTIONS) private readonly options: ResolvedAdminOptions) {}

  /** @throws whatever the app's function does; AuthentifyConfigurationError where it gives no list of actions. */
  async grantedTo(request: AuthenticatedRequest): Promise<ReadonlySet<AdminAction>> {
    const { actions } = this.options;
    return typeof actions === 'function' ? readActions(await actions(request)) : actions;
  }

  /** @throws whatever the app's function does; TypeError where it names nobody. Then nothing must be done. */
  attributionOf(request: AuthenticatedRequest): Attribution {
    const by = this.options.actor ? this.options.actor(request) : this.keyOf(request);
    if (by === undefined && !this.options.actor) return { via: 'admin' };
    if (typeof by === 'string' && NAME.test(by)) return { by, via: 'admin' };
    throw new TypeError(
      'Nobody is named who acts, so nothing was done; the option actor must give 1 to 255 characters without control characters',
    );
  }

  private keyOf({ auth, user }: Partial<AuthenticatedRequest>): string | undefined {
    const key: unknown = auth?.userId ?? (user as { id?: unknown } | null | undefined)?.id;
    if (typeof key === 'string' || typeof key === 'number' || typeof key === 'bigint') return String(key);
    if (!this.hasWarned) {
      this.logger.warn(
        'An administrator acted whom the guards do not name, so events have no "by"; set the option actor',
      );
    }
    this.hasWarned = true;
    return undefined;
  }
}

/** Refuses what is not granted; asked after the app's guards, which say who is there. @throws ForbiddenException (403). */
@Injectable()
export class AdminActsGuard implements CanActivate {
  constructor(
    private readonly acts: AdminActs,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const action = this.reflector.get(Does, context.getHandler());
    if (action === undefined) return true;
    const granted = await this.acts.grantedTo(requestOf(context) as AuthenticatedRequest);
    if (!granted.has(action)) throw new ForbiddenException(`You are not allowed to do this here: ${action}`);
    return true;
  }
}
