import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';
import type { AuthenticatedRequest } from '../authentication/request.js';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';

/**
 * What may be done with the admin: see sessions and users, end sessions, change their dates, delete their rows, and
 * issue tokens.
 */
export type AdminAction = (typeof ADMIN_ACTIONS)[number];

export const ADMIN_ACTIONS = ['list', 'revoke', 'edit', 'delete', 'issue'] as const;

/** All but `issue`: whoever may end the sessions of others need not become them (R76). */
const USUAL: readonly AdminAction[] = ADMIN_ACTIONS.filter((action) => action !== 'issue');

/** Written as methods, so that an app may say what its guards set on the request: `AuthenticatedRequest<Colleague>`. */
interface AskedOfTheApp {
  actions(request: AuthenticatedRequest): readonly AdminAction[] | Promise<readonly AdminAction[]>;
  actor(request: AuthenticatedRequest): string;
}

/** Tells what may be done in a request. */
export type ActionsOf = AskedOfTheApp['actions'];

/** Tells who acts in a request. */
export type ActorOf = AskedOfTheApp['actor'];

/**
 * How the admin is set up.
 *
 * @typeParam TUser the app's user entity.
 */
export interface AdminOptions<TUser extends object = object> {
  /** Where it is mounted, below the app's global prefix: `'admin/sessions'`. */
  path: string;
  /**
   * Who may use it: guards of the app, at least one, run in this order after the app's global ones. Classes are
   * injected as Nest injects them. To open the page in a browser they must accept what a browser sends, such as a cookie.
   */
  guards: (Type<CanActivate> | CanActivate)[];
  /** Modules that export what the guards inject, and `AuthentifyModule` where that is not global. */
  imports?: ModuleMetadata['imports'];
  /** Whose sessions: the `name` of a registration. Default: the one without a name. */
  registration?: string;
  /** What to call a user; by default the first of `searchColumns`. */
  userLabel?: (user: TUser) => string;
  /**
   * Text properties of the user entity by whose beginning users are found: `['email', 'name']`. By default they are
   * found by primary key only. Index them where there are more than some 100,000 users.
   */
  searchColumns?: (keyof TUser & string)[];
  /**
   * What may be done here, beside seeing sessions and users (`'list'`): `'revoke'` them, `'edit'` their dates, `'delete'`
   * their rows, `'issue'` tokens. Anything else is a 403, and not on the page. Default: all but `'issue'`, because
   * whoever issues a token can act as its user. A function is asked after the guards, for each request.
   *
   * @example `actions: ({ user }: AuthenticatedRequest<Colleague>) => (user.isChief ? ['revoke', 'edit'] : ['list'])`
   */
  actions?: readonly AdminAction[] | ActionsOf;
  /**
   * Who acts: told as `by` in every event of what was done. 1 to 255 characters without control characters. Default:
   * `request.auth.userId`, as the library's guards set it, else `request.user.id`; where there is neither, events have no
   * `by`. Nothing is done where this throws, or where it gives anything else, which is a 500.
   *
   * @example `actor: ({ user }: AuthenticatedRequest<Colleague>) => user.email`
   */
  actor?: ActorOf;
}

/** The options as the admin reads them. */
export interface ResolvedAdminOptions {
  readonly path: string;
  readonly guards: readonly (Type<CanActivate> | CanActivate)[];
  readonly imports: NonNullable<ModuleMetadata['imports']>;
  readonly registration: string | undefined;
  readonly userLabel: ((user: never) => string) | null;
  readonly searchColumns: readonly string[];
  readonly actions: ReadonlySet<AdminAction> | ActionsOf;
  readonly actor: ActorOf | null;
}

/** Injects the options as resolved. */
export const ADMIN_OPTIONS = Symbol('AUTHENTIFY_ADMIN_OPTIONS');

const NAMES = [
  'path',
  'guards',
  'imports',
  'registration',
  'userLabel',
  'searchColumns',
  'actions',
  'actor',
] satisfies (keyof AdminOptions)[];
/** Plain segments: neither parameters nor wildcards, and no slash at the end. */
const PATH = /^\/?[\w~-][\w.~-]*(?:\/[\w~-][\w.~-]*)*$/;

/** @throws AuthentifyConfigurationError for unknown names and wrong values; above all without a guard. */
export function resolveAdminOptions<TUser extends object>(given: AdminOptions<TUser>): ResolvedAdminOptions {
  const stray = Object.keys(given ?? {}).find((name) => !NAMES.includes(name as keyof AdminOptions));
  if (stray !== undefined) throw wrong(stray, `is no option of the admin; known are ${NAMES.join(', ')}`);
  const { path, guards, imports = [], registration, userLabel = null, searchColumns = [] } = given ?? {};
  const { actions = USUAL, actor = null } = given ?? {};
  if (!Array.isArray(guards) || guards.length === 0) {
    throw wrong('guards', "is missing or empty: the admin shows and ends everybody's sessions, so name who may use it");
  }
  if (!guards.every(isGuard)) throw wrong('guards', 'must hold guards only: classes, or instances, with canActivate()');
  if (typeof path !== 'string' || !PATH.test(path)) {
    throw wrong('path', "must be a path without parameters, such as 'admin/sessions'");
  }
  if (!Array.isArray(imports)) throw wrong('imports', 'must be an array of modules');
  if (registration !== undefined && (typeof registration !== 'string' || registration === '')) {
    throw wrong('registration', "must be the name of a registration, such as 'staff'");
  }
  if (userLabel !== null && typeof userLabel !== 'function') throw wrong('userLabel', 'must be a function of a user');
  if (!Array.isArray(searchColumns) || !searchColumns.every((name) => typeof name === 'string' && name !== '')) {
    throw wrong('searchColumns', "must be properties of the user entity, such as ['email']");
  }
  if (actor !== null && typeof actor !== 'function') throw wrong('actor', 'must be a function of a request');
  return Object.freeze({
    path,
    guards,
    imports,
    registration,
    userLabel,
    searchColumns,
    actions: typeof actions === 'function' ? actions : readActions(actions),
    actor,
  });
}

/** What a list of actions grants: always to list. @throws AuthentifyConfigurationError for anything else. */
export function readActions(given: unknown): ReadonlySet<AdminAction> {
  if (!Array.isArray(given)) throw wrong('actions', "must be a list such as ['revoke'], or a function that gives one");
  const stray = given.findIndex((name) => !ADMIN_ACTIONS.includes(name as AdminAction));
  if (stray !== -1) {
    throw wrong('actions', `names "${String(given[stray])}", which is none; known are ${ADMIN_ACTIONS.join(', ')}`);
  }
  return new Set<AdminAction>(['list', ...(given as AdminAction[])]);
}

function isGuard(guard: unknown): boolean {
  const instance: unknown = typeof guard === 'function' ? guard.prototype : guard;
  return typeof (instance as Partial<CanActivate> | null | undefined)?.canActivate === 'function';
}

function wrong(option: string, problem: string): AuthentifyConfigurationError {
  return new AuthentifyConfigurationError(option, problem);
}
