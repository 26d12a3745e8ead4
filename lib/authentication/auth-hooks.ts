import { Inject, Injectable, type OnModuleInit, type Type } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { AUTHENTIFY_OPTIONS } from '../authentify.constants.js';
import type { AuthHandler, AuthHandlerInput, AuthHandlerResult, AuthHook } from '../options/auth-handler.interface.js';
import { isHandlerClass } from '../options/option-checks.js';
import type { ResolvedOptions } from '../options/resolved-options.js';

type Handle = AuthHandler['handle'];
type HookName = 'postAuthHandler' | 'postAutoRefreshHandler';

/** Runs the app's hooks; classes are found or made once, when the module starts. */
@Injectable()
export class AuthHooks implements OnModuleInit {
  // Private to the language too: `inspect` would follow Nest's container down to the app's own options (R63).
  readonly #options: ResolvedOptions;
  readonly #moduleRef: ModuleRef;
  readonly #modules: ModulesContainer;
  readonly #handlers = new Map<HookName, Handle>();

  constructor(@Inject(AUTHENTIFY_OPTIONS) options: ResolvedOptions, moduleRef: ModuleRef, modules: ModulesContainer) {
    this.#options = options;
    this.#moduleRef = moduleRef;
    this.#modules = modules;
  }

  async onModuleInit(): Promise<void> {
    for (const name of ['postAuthHandler', 'postAutoRefreshHandler'] as const) {
      const hook = this.#options[name];
      if (hook) this.#handlers.set(name, await this.handleOf(hook));
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

  private async handleOf(hook: AuthHook): Promise<Handle> {
    if (!isHandlerClass(hook)) return hook as Handle;
    const type = hook as Type<AuthHandler>;
    const provided = [...this.#modules.values()].some((module) => module.providers.has(type));
    const handler = provided ? this.#moduleRef.get(type, { strict: false }) : await this.#moduleRef.create(type);
    return (input) => handler.handle(input);
  }
}
