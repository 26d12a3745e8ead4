import {
  type CanActivate,
  type ExecutionContext,
  Injectable,
  Logger,
  type OnModuleInit,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { AuthentifyConfigurationError } from '../../errors/authentify-configuration.error.js';
import { modulesOf } from '../platform-internals.js';
import { AuthentifyGuard } from './authentify.guard.js';
import { routeOf } from './route.js';

/**
 * Names the guard, which makes it an injectable of the module too: those are what `overrideGuard` of a testing module
 * replaces. A class of its own, because who names a guard is request-scoped where that is.
 */
@UseGuards(AuthentifyGuard)
@Injectable()
export class OverridableGuard {}

/**
 * The guard of `guardAllRoutes`. A route, or a controller, that names one of the library's guards is left to that one:
 * it may ask for another transport, or belong to another user type, and nobody could satisfy both.
 *
 * It registers itself as it is made. Nest adds what is provided as `APP_GUARD` later, when everything is made, in the
 * order of modules: a roles guard of the root module would run first and know no user.
 */
@Injectable()
export class AllRoutesGuard implements CanActivate, OnModuleInit {
  // Private to the language too: `inspect` would follow Nest's container down to the app's own options (R63).
  readonly #config: ApplicationConfig;
  readonly #modules: ModulesContainer;
  #guard: CanActivate;

  constructor(config: ApplicationConfig, modules: ModulesContainer) {
    this.#config = config;
    this.#modules = modules;
    config.addGlobalGuard(this);
  }

  canActivate(context: ExecutionContext): ReturnType<CanActivate['canActivate']> {
    return routeOf(context).hasOwnGuard || this.#guard.canActivate(context);
  }

  /** @throws AuthentifyConfigurationError where the guard cannot be made once for all requests. */
  onModuleInit(): void {
    this.#guard = this.guardOf(AuthentifyGuard);
    const [first] = this.#config.getGlobalGuards();
    if (first === this) return;
    new Logger('AllRoutesGuard').warn(
      `guardAllRoutes: ${first?.constructor.name} runs before the user is known, because it was added while the app ` +
        'was being made; provide it as APP_GUARD, or with app.useGlobalGuards',
    );
  }

  /** The guard as provided; in a test, what it was overridden with, as a provider or as a guard. */
  private guardOf(type: Type<CanActivate>): CanActivate {
    const own = modulesOf(this.#modules).find(({ providers }) => providers.has(AllRoutesGuard));
    const made = [own?.injectables.get(type), own?.providers.get(type)].filter((one) => one !== undefined);
    if (!made.every((one) => one.isDependencyTreeStatic())) {
      throw new AuthentifyConfigurationError(
        'guardAllRoutes',
        'needs options that are made once: what the factory of forRootAsync injects must not be request-scoped',
      );
    }
    const guards = made.map(({ instance }) => instance as CanActivate);
    return guards.find((guard) => guard.constructor !== type) ?? guards[0]!;
  }
}
