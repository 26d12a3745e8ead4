import { type CanActivate, type ExecutionContext, Injectable, type Type } from '@nestjs/common';
import { AuthentifyGuard } from './authentify.guard.js';
import { NamedGuard } from './guard-for.js';

/** Where Nest keeps what `@UseGuards` was given. */
const GUARDS = '__guards__';

/**
 * The guard of `guardAllRoutes`. A route, or a controller, that names one of the library's guards is left to that one:
 * it may ask for another transport, or belong to another user type, and nobody could satisfy both.
 */
@Injectable()
export class AllRoutesGuard implements CanActivate {
  constructor(private readonly guard: AuthentifyGuard) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return hasOwnGuard(context.getHandler()) || hasOwnGuard(context.getClass()) || this.guard.canActivate(context);
  }
}

function hasOwnGuard(target: object): boolean {
  const named = (Reflect.getMetadata(GUARDS, target) ?? []) as (Type<CanActivate> | CanActivate)[];
  return named.some((guard) => authenticates(typeof guard === 'function' ? guard : guard.constructor));
}

function authenticates(type: object): boolean {
  const actual = 'of' in type ? (type as typeof NamedGuard).of : (type as Type<unknown>);
  return actual === AuthentifyGuard || actual.prototype instanceof AuthentifyGuard;
}
