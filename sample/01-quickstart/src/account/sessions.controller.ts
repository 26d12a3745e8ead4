import { Controller, Delete, Get, HttpCode, Param } from '@nestjs/common';
import { AbstractAuthToken, CurrentToken, CurrentUser, TokenService } from 'nestjs-authentify';
import { User } from '../users/user.entity.js';

type SessionView = Pick<AbstractAuthToken, 'id' | 'context' | 'createdAt' | 'lastRefreshedAt' | 'expiresAt'> & {
  current: boolean;
};

/** The page "where you are logged in". */
@Controller('sessions')
export class SessionsController {
  constructor(private readonly tokens: TokenService) {}

  @Get()
  async list(@CurrentUser() user: User, @CurrentToken('id') currentId: string): Promise<SessionView[]> {
    const sessions = await this.tokens.listUserTokens(user);
    return sessions.map(({ id, context, createdAt, lastRefreshedAt, expiresAt }) => ({
      id,
      context,
      createdAt,
      lastRefreshedAt,
      expiresAt,
      current: id === currentId,
    }));
  }

  /** The same answer for an unknown, foreign or ended session: ids of others are nothing to find out here. */
  @Delete(':id')
  @HttpCode(204)
  async end(@CurrentUser() user: User, @Param('id') id: string): Promise<void> {
    await this.tokens.revokeUserToken(user, id);
  }
}
