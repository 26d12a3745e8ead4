import { type DynamicModule, Inject, Module, type OnModuleInit, type Provider, type Type } from '@nestjs/common';
import { adminControllerAt } from './admin.controller.js';
import { Administrators } from './admin.guards.js';
import { AdminRegistration, adminRegistrationOf } from './admin-registration.js';
import { ADMIN_OPTIONS, type AdminOptions, type ResolvedAdminOptions, resolveAdminOptions } from './admin-options.js';
import { AdminPage } from './admin-page.js';
import { AdminSessions } from './admin-sessions.js';

/** An admin page and a REST interface to see, end, edit and issue the sessions of all users. Off unless registered. */
@Module({ providers: [Administrators, AdminPage, AdminSessions] })
export class AuthentifyAdminModule implements OnModuleInit {
  @Inject(ADMIN_OPTIONS) private readonly options: ResolvedAdminOptions;
  @Inject() private readonly registration: AdminRegistration;

  /**
   * Registers the admin at a path, behind guards.
   *
   * @example `AuthentifyAdminModule.register({ path: 'admin/sessions', guards: [CookieAuthGuard, AdminGuard] })`
   * @throws AuthentifyConfigurationError for wrong options; at boot for `searchColumns` that do not exist.
   */
  static register<TUser extends object>(options: AdminOptions<TUser>): DynamicModule {
    const resolved = resolveAdminOptions(options);
    const controller = adminControllerAt(resolved);
    return {
      module: AuthentifyAdminModule,
      imports: resolved.imports,
      controllers: [controller],
      providers: [
        { provide: ADMIN_OPTIONS, useValue: resolved },
        adminRegistrationOf(resolved.registration),
        openApiExclusionOf(controller),
      ],
    };
  }

  /** Checks at boot what only the data source knows. */
  onModuleInit(): void {
    this.registration.users.checkColumns(this.options.searchColumns);
  }
}

/**
 * Keeps a controller out of the app's OpenAPI document, where the app has the package that makes one. A provider, because
 * those are made while the app is created, and so before any document.
 */
function openApiExclusionOf(controller: Type<unknown>): Provider {
  return {
    provide: Symbol('AUTHENTIFY_ADMIN_OPENAPI_EXCLUSION'),
    useFactory: async () => {
      const swagger = await import('@nestjs/swagger').catch(() => null);
      swagger?.ApiExcludeController()(controller);
      return null;
    },
  };
}
