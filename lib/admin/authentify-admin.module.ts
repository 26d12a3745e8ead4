import { type DynamicModule, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { UserDirectory } from '../tokens/administration/user-directory.js';
import { AdminAnswers } from './admin-answers.js';
import { adminControllerAt } from './admin.controller.js';
import { ADMIN_OPTIONS, type AdminOptions, type ResolvedAdminOptions, resolveAdminOptions } from './admin-options.js';
import { AdminPage } from './admin-page.js';
import { AdminSessions } from './admin-sessions.js';

/** A page and a REST interface to see, end, date and issue everybody's sessions. Off unless registered. */
@Module({ providers: [AdminAnswers, AdminPage, AdminSessions] })
export class AuthentifyAdminModule implements OnModuleInit {
  constructor(
    @Inject(ADMIN_OPTIONS) private readonly options: ResolvedAdminOptions,
    private readonly users: UserDirectory,
  ) {}

  /**
   * Mounts the admin at a path, behind guards.
   *
   * @example `AuthentifyAdminModule.register({ path: 'admin/sessions', guards: [CookieAuthGuard, AdminGuard] })`
   * @throws AuthentifyConfigurationError for wrong options: here, or while booting for columns that are not there.
   */
  static register<TUser extends object>(options: AdminOptions<TUser>): DynamicModule {
    const resolved = resolveAdminOptions(options);
    return {
      module: AuthentifyAdminModule,
      imports: resolved.imports,
      controllers: [adminControllerAt(resolved)],
      providers: [{ provide: ADMIN_OPTIONS, useValue: resolved }],
    };
  }

  /** Checks at boot what only the data source can tell. */
  onModuleInit(): void {
    this.users.checkColumns(this.options.searchColumns);
  }
}
