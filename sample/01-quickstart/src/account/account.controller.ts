import { Controller, Get } from '@nestjs/common';
import { CurrentUser, RequireContext } from 'nestjs-authentify';
import { User } from '../users/user.entity.js';

@Controller()
export class AccountController {
  @Get('me')
  me(@CurrentUser() { id, email, plan }: User): Pick<User, 'id' | 'email' | 'plan'> {
    return { id, email, plan };
  }

  /** What login wrote into the session decides: who upgrades the plan logs in again. */
  @Get('premium')
  @RequireContext({ plan: 'premium' })
  premium(@CurrentUser('email') email: string): { message: string } {
    return { message: `Only for premium sessions such as yours, ${email}` };
  }
}
