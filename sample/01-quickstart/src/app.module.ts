import { Module } from '@nestjs/common';
import { CronExpression, ScheduleModule } from '@nestjs/schedule';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyModule } from 'nestjs-authentify';
import { AccountController } from './account/account.controller.js';
import { AuthController } from './auth/auth.controller.js';
import { cookieOptions } from './auth/cookie-options.js';
import { User } from './users/user.entity.js';
import { UsersService } from './users/users.service.js';

@Module({
  imports: [
    // An embedded database in memory, so that nothing needs installing; every start begins anew.
    TypeOrmModule.forRoot({ type: 'sqljs', autoLoadEntities: true, synchronize: true }),
    TypeOrmModule.forFeature([User]),
    ScheduleModule.forRoot(),
    AuthentifyModule.forRoot({
      userEntity: User,
      // Closed unless opened: a route somebody forgets to guard answers 401, and `@Public()` is easy to search for.
      guardAllRoutes: true,
      // POST /auth/refresh, /auth/logout, /auth/logout-all, /auth/logout-others, GET /auth/sessions, DELETE /auth/sessions/:id
      sessionRoutes: { path: 'auth' },
      // Who keeps working stays logged in, up to 30 days after the login; who stops has 15 minutes,
      // then a week to come back with the refresh token.
      tokenTtl: '15m',
      refreshTokenTtl: '7d',
      autoRefresh: true,
      autoRefreshInterval: '1m',
      autoRefreshMaxTtl: '30d',
      // Deletes the sessions that nobody can use any more.
      pruneSchedule: CronExpression.EVERY_HOUR,
      // With keys outside the database, a stolen copy of it cannot even be used to recognise tokens.
      hashSecrets: process.env.TOKEN_HASH_SECRETS?.split(','),
      ...cookieOptions(process.env.NODE_ENV),
    }),
  ],
  controllers: [AuthController, AccountController],
  providers: [UsersService],
})
export class AppModule {}
