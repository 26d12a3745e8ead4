import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyModule } from 'nestjs-authentify';
import { AuthController } from './auth/auth.controller.js';
import { cookieOptions } from './cookie-options.js';
import { User } from './users/user.entity.js';
import { UsersService } from './users/users.service.js';

@Module({
  imports: [
    // An embedded database in memory, so that nothing needs installing; every start begins anew.
    TypeOrmModule.forRoot({ type: 'sqljs', autoLoadEntities: true, synchronize: true }),
    TypeOrmModule.forFeature([User]),
    AuthentifyModule.forRoot({
      userEntity: User,
      guardAllRoutes: true,
      // POST /api/refresh, /api/logout, /api/logout-all, /api/logout-others, GET /api/sessions, DELETE /api/sessions/:id
      sessionRoutes: { path: 'api' },
      // `ACCESS_TTL=15s npm run start:browser` to watch the page renew its session.
      tokenTtl: process.env.ACCESS_TTL ?? '5m',
      refreshTokenTtl: '7d',
      sessionMaxTtl: '30d',
      ...cookieOptions(process.env.NODE_ENV),
    }),
  ],
  controllers: [AuthController],
  providers: [UsersService],
})
export class AppModule {}
