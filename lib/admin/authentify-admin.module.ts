import { type DynamicModule, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { AdminActs } from './admin.guards.js';
import { AdminAnswers } from './admin-answers.js';
import { adminControllerAt } from './admin.controller.js';
import { AdminRegistration, adminRegistrationOf } from './admin-registration.js';
import { ADMIN_OPTIONS, type AdminOptions, type ResolvedAdminOptions, resolveAdminOptions } from './admin-options.js';
import { AdminPage } from './admin-page.js';
import { AdminSessions } from './admin-sessions.js';
import { openApiExclusionOf } from './openapi-exclusion.js';

/** A page and a REST interface to see, end, date and issue everybody's sessions. Off unless registered. */
@Module({ providers: [AdminActs, AdminAnswers, AdminPage, AdminSessions] })
export class AuthentifyAdminModule implements OnModuleInit {
  constructor(
    @Inject(ADMIN_OPTIONS) private readonly options: ResolvedAdminOptions,
    private readonly registration: AdminRegistration,
  ) {}

  /**
   * Mounts the admin at a path, behind guards.
   *
   * @example `AuthentifyAdminModule.register({ path: 'admin/sessions', guards: [CookieAuthGuard, AdminGuard] })`
   * @throws AuthentifyConfigurationError for wrong options: here, or while booting for columns that are not there.
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

  /** Checks at boot what only the data source can tell. */
  onModuleInit(): void {
    this.registration.users.checkColumns(this.options.searchColumns);
  }
}
