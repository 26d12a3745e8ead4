import type { Provider } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { UNNAMED } from '../module-extras.js';
import { providerFor } from '../registrations.js';
import { AuthentifyEvents } from '../events/authentify-events.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { SessionDirectory } from '../store/session-directory.js';
import { Administration } from '../sessions/administration.js';
import { UserDirectory } from '../store/user-directory.js';
import type { AnyAuthToken } from '../sessions/entities/abstract-auth-token.js';

/**
 * The parts of the registration whose sessions the admin shows. In a class of its own, because the app's guards stand
 * in the same module and may be of another registration.
 */
export class AdminRegistration {
  constructor(
    readonly options: ResolvedOptions,
    readonly events: AuthentifyEvents,
    readonly sessions: SessionDirectory<AnyAuthToken>,
    readonly administration: Administration<AnyAuthToken>,
    readonly users: UserDirectory,
  ) {}
}

/** @param name the name of the registration; default: the registration without a name. */
export function adminRegistrationOf(name = UNNAMED): Provider<AdminRegistration> {
  const parts = [AUTHENTIFY_OPTIONS, AuthentifyEvents, SessionDirectory, Administration, UserDirectory];
  return {
    provide: AdminRegistration,
    useFactory: (...given: ConstructorParameters<typeof AdminRegistration>) => new AdminRegistration(...given),
    inject: parts.map((part) => providerFor(name, part)),
  };
}
