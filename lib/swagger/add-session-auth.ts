import type { INestApplicationContext, Type } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { DocumentBuilder } from '@nestjs/swagger';
import { AllRoutesGuard } from '../authentication/guards/all-routes.guard.js';
import { modulesOf } from '../authentication/platform-internals.js';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { UNNAMED } from '../module-extras.js';
import { providerFor, registrationsIn } from '../registrations.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { SessionRoutes } from '../session-routes/session-routes.js';
import { describeRoutes } from './described-routes.js';
import { bothOf, type GlobalGuards, requirementsOf, requirementsOfGuard, schemeName } from './route-access.js';
import { documentSessionRoutes } from './session-routes.documentation.js';

type Registrations = ReturnType<typeof registrationsIn>;
type SecurityScheme = Parameters<DocumentBuilder['addSecurity']>[1];

/**
 * Adds the security schemes of the library to an OpenAPI document, and describes what each route requires. Call it before
 * `SwaggerModule.createDocument`.
 *
 * - Each registration gets two security schemes, `authentify-header` and `authentify-cookie`, with the prefix and the
 *   cookie name from its options. For a named registration, they end in its name: `authentify-header-staff`.
 * - Each route behind a guard of the library, including `guardAllRoutes`, gets its security requirement, a 401 and a 503,
 *   and a 403 if the cross-site check or `@RequireContext` can refuse the request. A `@Public()` route requires nothing.
 *   Your own descriptions are kept.
 * - The session routes are described completely.
 *
 * @param registration adds only the schemes of this registration, for a document of one user type.
 * @example
 * ```ts
 * const builder = addSessionAuth(app, new DocumentBuilder().setTitle('Shop'));
 * SwaggerModule.setup('docs', app, SwaggerModule.createDocument(app, builder.build()));
 * ```
 * @throws UnknownElementException (Nest) if the app has no registration of that name.
 */
export function addSessionAuth(
  app: Pick<INestApplicationContext, 'get'>,
  builder: DocumentBuilder,
  registration?: string,
): DocumentBuilder {
  const modules = app.get(ModulesContainer);
  const registrations = registrationsIn(modules);
  for (const name of registration === undefined ? registrations.keys() : [registration]) {
    const { authHeaderPrefixes, authCookieNames } = optionsOf(app, name);
    builder
      .addSecurity(schemeName('header', name), headerScheme(authHeaderPrefixes))
      .addSecurity(schemeName('cookie', name), { type: 'apiKey', in: 'cookie', name: authCookieNames[0] ?? '' });
  }

  for (const [name, { controllers }] of registrations) {
    for (const controller of controllers.keys()) documentSessionRoutes(controller as Type, name);
  }
  const controllers = new Set(
    modulesOf(modules).flatMap((module) => Array.from(module.controllers.keys() as Iterable<Type>)),
  );
  const own = [...controllers].filter(({ prototype }) => !(prototype instanceof SessionRoutes));
  const checked = [...registrations.keys()].filter((name) => optionsOf(app, name).csrf !== false);
  describeRoutes(own, {
    globals: globalGuardsOf(app, registrations),
    checkedSchemes: new Set(checked.map((name) => schemeName('cookie', name))),
  });
  return builder;
}

function optionsOf(app: Pick<INestApplicationContext, 'get'>, registration: string): ResolvedOptions {
  return app.get<ResolvedOptions>(providerFor(registration, AUTHENTIFY_OPTIONS), { strict: false });
}

/** OpenAPI has a scheme for `Bearer` only; any other prefix is described as an API key in a header. */
function headerScheme(prefixes: readonly string[]): SecurityScheme {
  if (prefixes.some((prefix) => prefix.toLowerCase() === 'bearer')) return { type: 'http', scheme: 'bearer' };
  return { type: 'apiKey', in: 'header', name: 'Authorization', description: `${prefixes[0]} <access token>` };
}

function globalGuardsOf(app: Pick<INestApplicationContext, 'get'>, registrations: Registrations): GlobalGuards {
  const globals: GlobalGuards = {};
  for (const guard of app.get(ApplicationConfig).getGlobalGuards()) {
    const [name = UNNAMED] =
      [...registrations].find(([, { providers }]) =>
        [...providers.values()].some(({ instance }) => instance === guard),
      ) ?? [];
    if (guard instanceof AllRoutesGuard) globals.otherwise = requirementsOf(name);
    else globals.always = bothOf(globals.always, requirementsOfGuard(guard.constructor as Type, name));
  }
  return globals;
}
