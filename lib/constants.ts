/** Injects the options as resolved: validated, complete, frozen. */
export const AUTHENTIFY_OPTIONS = Symbol('AUTHENTIFY_OPTIONS');

/** Injects the token entity's class. */
export const AUTH_TOKEN_ENTITY = Symbol('AUTH_TOKEN_ENTITY');

/** Injects the TypeORM data source the sessions live in. */
export const AUTH_DATA_SOURCE = Symbol('AUTH_DATA_SOURCE');

/** Injects the scheduled prune job, or `null` where there is none. */
export const PRUNE_JOB = Symbol('PRUNE_JOB');

/** Passport's name of the strategy that reads the `Authorization` header. */
export const HEADER_STRATEGY = 'authentify-header';

/** Passport's name of the strategy that reads the cookies. */
export const COOKIE_STRATEGY = 'authentify-cookie';
