import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';
import type { AuthenticatedRequest } from '../authentication/request.js';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';

/**
 * An action in the admin: see sessions and users, end sessions, change their dates, delete their rows, issue
 * tokens.
 */
export type AdminAction = 'list' | 'revoke' | 'edit' | 'delete' | 'issue';

export const ADMIN_ACTIONS: readonly AdminAction[] = ['list', 'revoke', 'edit', 'delete', 'issue'];

/** All except `issue`: permission to end sessions must not include acting as their users (R76). */
const USUAL: readonly AdminAction[] = ADMIN_ACTIONS.filter((action) => action !== 'issue');

// Methods, so that an app may declare what its guards set on the request: `AuthenticatedRequest<Colleague>`.

/** Returns the actions that a request may perform. */
export type AdminActionsOf = {
  actions(request: AuthenticatedRequest): readonly AdminAction[] | Promise<readonly AdminAction[]>;
}['actions'];

/** Returns the name of the administrator who sent a request. */
export type AdminActorOf = { actor(request: AuthenticatedRequest): string }['actor'];

/**
 * The options of the admin.
 *
 * @typeParam TUser the app's user entity.
 */
export interface AdminOptions<TUser extends object = object> {
  /** Path of the admin, below the global prefix of the app: `'admin/sessions'`. */
  path: string;
  /**
   * Guards that decide who may use the admin, at least one. They run in this order, after the global guards of the app.
   * Classes are injected as usual in Nest. They must accept what a browser sends, such as a cookie, to open the page in one.
   */
  guards: (Type<CanActivate> | CanActivate)[];
  /** Modules that export the dependencies of the guards, and `AuthentifyModule` if it is not global. */
  imports?: ModuleMetadata['imports'];
  /** `name` of the registration whose sessions are shown. Default: the registration without a name. */
  registration?: string;
  /** The label of a user. Default: the first of `searchColumns`. */
  userLabel?: (user: TUser) => string;
  /**
   * Text properties of the user entity to search by prefix: `['email', 'name']`. Default: users are found only by primary
   * key. Add an index if you have more than about 100,000 users.
   */
  searchColumns?: (keyof TUser & string)[];
  /**
   * The allowed actions, besides seeing sessions and users (`'list'`): `'revoke'` sessions, `'edit'` their dates, `'delete'`
   * their rows, `'issue'` tokens. Other actions get a 403 and are not on the page. Default: all except `'issue'`, because
   * anyone who issues a token can act as its user. A function is called after the guards, for each request.
   *
   * @example `actions: ({ user }: AuthenticatedRequest<Colleague>) => (user.isChief ? ['revoke', 'edit'] : ['list'])`
   */
  actions?: readonly AdminAction[] | AdminActionsOf;
  /**
   * The name of the administrator, as `by` in every event. 1 to 255 characters without control characters. Default:
   * `request.auth.userId`, which the guards of the library set, else `request.user.id`; without both, events have no `by`. If
   * the function throws or returns anything else, nothing is done, and the request gets a 500.
   *
   * @example `actor: ({ user }: AuthenticatedRequest<Colleague>) => user.email`
   */
  actor?: AdminActorOf;
}

/** The options after validation. */
export interface ResolvedAdminOptions {
  readonly path: string;
  readonly guards: readonly (Type<CanActivate> | CanActivate)[];
  readonly imports: NonNullable<ModuleMetadata['imports']>;
  readonly registration: string | undefined;
  readonly userLabel: ((user: never) => string) | null;
  readonly searchColumns: readonly string[];
  readonly actions: ReadonlySet<AdminAction> | AdminActionsOf;
  readonly actor: AdminActorOf | null;
}

/** Injection token of the resolved options. */
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
/** Plain segments without parameters, wildcards or a trailing slash. */
const PATH = /^\/?[\w~-][\w.~-]*(?:\/[\w~-][\w.~-]*)*$/;

/** @throws AuthentifyConfigurationError for unknown names and wrong values, and without a guard. */
export function resolveAdminOptions<TUser extends object>(given: AdminOptions<TUser>): ResolvedAdminOptions {
  const stray = Object.keys(given ?? {}).find((name) => !NAMES.includes(name as keyof AdminOptions));
  if (stray !== undefined) throw wrong(stray, `is not an option of the admin; known options are ${NAMES.join(', ')}`);
  const { path, guards, imports = [], registration, userLabel = null, searchColumns = [] } = given ?? {};
  const { actions = USUAL, actor = null } = given ?? {};
  if (!Array.isArray(guards) || guards.length === 0) {
    throw wrong(
      'guards',
      'is missing or empty; the admin shows and ends the sessions of all users, so it needs a guard',
    );
  }
  if (!guards.every(isGuard))
    throw wrong('guards', 'must contain only guards: classes or instances with canActivate()');
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

/** Reads a list of actions, and always adds `list`. @throws AuthentifyConfigurationError for anything else. */
export function readActions(given: unknown): ReadonlySet<AdminAction> {
  if (!Array.isArray(given))
    throw wrong('actions', "must be a list such as ['revoke'], or a function that returns one");
  const stray = given.findIndex((name) => !ADMIN_ACTIONS.includes(name as AdminAction));
  if (stray !== -1) {
    throw wrong(
      'actions',
      `contains an unknown action "${String(given[stray])}"; known actions are ${ADMIN_ACTIONS.join(', ')}`,
    );
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
