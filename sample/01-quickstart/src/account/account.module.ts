import { Module } from '@nestjs/common';
import { AccountController } from './account.controller.js';
import { SessionsController } from './sessions.controller.js';

@Module({ controllers: [AccountController, SessionsController] })
export class AccountModule {}
