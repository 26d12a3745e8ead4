import { type CanActivate, type ExecutionContext, Inject, Injectable, type Type } from '@nestjs/common';
import { providerFor } from '../../registrations.js';
import { AuthentifyGuard } from './authentify.guard.js';
import { Authenticates, authenticates } from './route.js';

/** A guard that asks the guard of a named registration, wherever it is used. */
export abstract class NamedGuard implements CanActivate {
  /** The library's guard it stands for. */
  static readonly of: Type<CanActivate>;
  /** The name of the registration whose guard that is. */
  static readonly registration: string;
  protected abstract readonly guard: CanActivate;

  canActivate(context: ExecutionContext): ReturnType<CanActivate['canActivate']> {
    return this.guard.canActivate(context);
  }
}

/**
 * Creates a guard of the registration with this name: `AuthentifyGuard`, or another guard of the library.
 *
 * @example
 * ```ts
 * export class StaffGuard extends GuardFor('staff') {}
 * export class StaffCookieGuard extends GuardFor('staff', CookieAuthGuard) {}
 * ```
 */
export function GuardFor(name: string, guard: Type<CanActivate> = AuthentifyGuard): Type<CanActivate> {
  @Injectable()
  class GuardOfRegistration extends NamedGuard {
    static override readonly of = guard;
    static override readonly registration = name;
    @Inject(providerFor(name, guard)) protected readonly guard: CanActivate;
  }
  if (authenticates(guard)) Authenticates()(GuardOfRegistration);
  return GuardOfRegistration;
}
