import { Inject, Injectable, type OnModuleInit, Scope, type Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import type { AuthHandler, AuthHandlerInput, AuthHandlerResult, AuthHook } from '../options/auth-handler.js';
import { isHandlerClass } from '../options/option-checks.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { scopeOf } from './platform-internals.js';

type Handle = AuthHandler['handle'];
type HookName = 'postAuthHandler' | 'postAutoRefreshHandler';

/** Runs the app's hooks; classes are found or made once, when the module starts. */
@Injectable()
export class AuthHooks implements OnModuleInit {
  // Private to the language too: `inspect` would follow Nest's container down to the app's own options (R63).
  readonly #options: ResolvedOptions;
  readonly #moduleRef: ModuleRef;
  readonly #handlers = new Map<HookName, Handle>();

  constructor(@Inject(AUTHENTIFY_OPTIONS) options: ResolvedOptions, moduleRef: ModuleRef) {
    this.#options = options;
    this.#moduleRef = moduleRef;
  }

  async onModuleInit(): Promise<void> {
    for (const name of ['postAuthHandler', 'postAutoRefreshHandler'] as const) {
      const hook = this.#options[name];
      if (hook) this.#handlers.set(name, await this.handleOf(name, hook));
    }
  }

  /** Asks a hook who the request acts as; without the hook, as it was (R23). */
  async run(name: HookName, input: AuthHandlerInput): Promise<AuthHandlerResult> {
    const handle = this.#handlers.get(name);
    if (!handle) return input;
    const result = (await handle(input)) as Partial<AuthHandlerResult> | null | undefined;
    if (!result?.user || !result.token) {
      throw new Error(`${name} must return { user, token }; nobody was authenticated`);
    }
    return { user: result.user, token: result.token };
  }

  private async handleOf(name: HookName, hook: AuthHook): Promise<Handle> {
    if (!isHandlerClass(hook)) return hook as Handle;
    const handler = await this.handlerOf(name, hook as Type<AuthHandler>);
    return (input) => handler.handle(input);
  }

  /** @throws AuthentifyConfigurationError for a class of which there is one for each request, or none at all. */
  private async handlerOf(name: HookName, type: Type<AuthHandler>): Promise<AuthHandler> {
    const provided = this.#providedScopeOf(type);
    const isProvided = provided !== undefined;
    const scope = provided ?? scopeOf(type);
    if (scope === Scope.REQUEST) {
      throw new AuthentifyConfigurationError(
        name,
        `(${type.name}) is request-scoped, or something it injects is, but one instance serves all requests; ` +
          'take what belongs to a request from the "request" that handle() is given',
      );
    }
    if (isProvided && scope === Scope.TRANSIENT) return this.#moduleRef.resolve(type, undefined, { strict: false });
    if (isProvided) return this.#moduleRef.get(type, { strict: false });
    try {
      return await this.#moduleRef.create(type);
    } catch (error) {
      throw new AuthentifyConfigurationError(
        name,
        `(${type.name}) could not be made; list it in the providers of a module that has what it injects. ` +
          (error as Error).message,
        { cause: error },
      );
    }
  }

  /** The scope of a class that some module provides; `undefined` where none does. */
  #providedScopeOf(type: Type<unknown>): Scope | undefined {
    try {
      return this.#moduleRef.introspect(type).scope;
    } catch {
      return undefined;
    }
  }
}
