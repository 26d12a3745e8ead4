import type { Provider, Type } from '@nestjs/common';

/** Made while the app is created, so before it can make an OpenAPI document. */
const OPENAPI_EXCLUSION = Symbol('AUTHENTIFY_ADMIN_OPENAPI_EXCLUSION');

/** Keeps a controller out of the app's OpenAPI document, where the app has the package that makes one. */
export function openApiExclusionOf(controller: Type<unknown>): Provider {
  return {
    provide: OPENAPI_EXCLUSION,
    useFactory: async () => {
      const swagger = await import('@nestjs/swagger').catch(() => null);
      swagger?.ApiExcludeController()(controller);
      return null;
    },
  };
}
