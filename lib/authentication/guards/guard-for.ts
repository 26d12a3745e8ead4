import { type CanActivate, type ExecutionContext, Inject, Injectable, type Type } from '@nestjs/common';
import { providerFor } from '../../authentify.registration.js';
import { AuthentifyGuard } from './authentify.guard.js';

/** A guard that asks the guard of a named registration, wherever it is used. */
export abstract class NamedGuard implements CanActivate {
  /** The library's guard it stands for. */
  static readonly of: Type<CanActivate>;
  protected abstract readonly guard: CanActivate;

  canActivate(context: ExecutionContext): ReturnType<CanActivate['canActivate']> {
    return this.guard.canActivate(context);
  }
}

/**
 * A guard of the registration of that `name`: `AuthentifyGuard`, or another one of the library's.
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
    @Inject(providerFor(name, guard)) protected readonly guard: CanActivate;
  }
  return GuardOfRegistration;
}
