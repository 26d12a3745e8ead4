import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { AuthController } from './auth.controller.js';
import { PruneJob } from './prune.job.js';

@Module({
  imports: [UsersModule],
  controllers: [AuthController],
  providers: [PruneJob],
})
export class AuthModule {}
