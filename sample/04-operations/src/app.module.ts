import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { TerminusModule } from '@nestjs/terminus';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyModule } from 'nestjs-authentify';
import { mailer } from './alerts/mailer.js';
import { ReuseAlert } from './alerts/reuse-alert.js';
import { AuditEntry } from './audit/audit-entry.entity.js';
import { AuditLog } from './audit/audit-log.js';
import { AuditController } from './audit/audit.controller.js';
import { AuthController } from './auth/auth.controller.js';
import { options } from './authentify.options.js';
import { dataSourceOptions } from './data-source.js';
import { HealthController } from './health/health.controller.js';
import { SessionsHealth } from './health/sessions.health.js';
import { MetricsController } from './metrics/metrics.controller.js';
import { SessionMetrics } from './metrics/session-metrics.js';
import { TracedAuthGuard } from './tracing/traced-auth.guard.js';
import { TracedSessionRoutes } from './tracing/traced-session-routes.js';
import { DemoUser } from './users/demo-user.js';
import { User } from './users/user.entity.js';

@Module({
  imports: [
    TypeOrmModule.forRoot({ ...dataSourceOptions, migrationsRun: true }),
    TypeOrmModule.forFeature([User, AuditEntry]),
    ScheduleModule.forRoot(),
    TerminusModule,
    AuthentifyModule.forRoot({
      userEntity: User,
      sessionRoutes: { path: 'auth', controller: TracedSessionRoutes },
      ...options,
    }),
  ],
  controllers: [AuthController, AuditController, HealthController, MetricsController],
  providers: [
    // In place of `guardAllRoutes`: the same guard, in a span.
    { provide: APP_GUARD, useClass: TracedAuthGuard },
    AuditLog,
    DemoUser,
    ReuseAlert,
    SessionMetrics,
    SessionsHealth,
    mailer,
  ],
})
export class AppModule {}
