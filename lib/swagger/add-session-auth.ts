import type { INestApplicationContext, Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { ApiSecurity, type DocumentBuilder } from '@nestjs/swagger';
import { AUTHENTIFY_OPTIONS } from '../authentify.constants.js';
import { providerFor, UNNAMED } from '../authentify.registration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { SessionRoutes } from '../session-routes/session-routes.js';
import { requirementsOf, schemeName } from './security-schemes.js';
import './session-routes.documentation.js';

type SecurityScheme = Parameters<DocumentBuilder['addSecurity']>[1];

/** Controllers that say already which schemes they take; several documents of one app repeat nothing. */
const documented = new WeakSet<Type>();

/**
 * Adds to a document how sessions authenticate: two security schemes, `authentify-header` and `authentify-cookie`, with
 * the prefix and the cookie name of the app's own options. Session routes, if there are any, are documented with them;
 * your own routes are with `@ApiAuthentify()`.
 *
 * @param registration the name of a registration beside others, whose schemes end in it: `authentify-header-staff`.
 * @example
 * ```ts
 * const builder = addSessionAuth(app, new DocumentBuilder().setTitle('Shop'));
 * SwaggerModule.setup('docs', app, SwaggerModule.createDocument(app, builder.build()));
 * ```
 * @throws UnknownElementException of Nest when the app has no registration of that name.
 */
export function addSessionAuth(
  app: Pick<INestApplicationContext, 'get'>,
  builder: DocumentBuilder,
  registration: string = UNNAMED,
): DocumentBuilder {
  const { authHeaderPrefixes, authCookieNames } = app.get<ResolvedOptions>(
    providerFor(registration, AUTHENTIFY_OPTIONS),
  );
  documentSessionRoutes(app.get(ModulesContainer), registration);
  return builder
    .addSecurity(schemeName('header', registration), headerScheme(authHeaderPrefixes))
    .addSecurity(schemeName('cookie', registration), { type: 'apiKey', in: 'cookie', name: authCookieNames[0] ?? '' });
}

/** OpenAPI knows `Bearer`; any other prefix is just what a header begins with. */
function headerScheme(prefixes: readonly string[]): SecurityScheme {
  if (prefixes.some((prefix) => prefix.toLowerCase() === 'bearer')) return { type: 'http', scheme: 'bearer' };
  return { type: 'apiKey', in: 'header', name: 'Authorization', description: `${prefixes[0]} <access token>` };
}

/** Only a registration's own controller is of that registration; its methods are shared by all. */
function documentSessionRoutes(modules: ModulesContainer, registration: string): void {
  const own = [...modules.values()].find((module) => module.exports.has(providerFor(registration, AUTHENTIFY_OPTIONS)));
  for (const controller of own?.controllers.keys() ?? []) {
    const type = controller as Type;
    if (documented.has(type) || !(type.prototype instanceof SessionRoutes)) continue;
    documented.add(type);
    for (const requirement of requirementsOf(registration)) ApiSecurity(requirement)(type);
  }
}
