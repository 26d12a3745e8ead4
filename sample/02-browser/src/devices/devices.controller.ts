import { Controller, Delete, Get, HttpCode, Param } from '@nestjs/common';
import { AbstractAuthToken, CurrentToken, CurrentUser, TokenService } from 'nestjs-authentify';
import { User } from '../users/user.entity.js';
import type { Device } from './describe-device.js';

interface DeviceView extends Device {
  id: string;
  createdAt: Date;
  lastRefreshedAt: Date;
  current: boolean;
}

/** Where the user is logged in. */
@Controller('api/devices')
export class DevicesController {
  constructor(private readonly tokens: TokenService) {}

  @Get()
  async list(@CurrentUser() user: User, @CurrentToken('id') currentId: string): Promise<DeviceView[]> {
    const sessions = await this.tokens.listUserTokens(user);
    return sessions.map(({ id, context, createdAt, lastRefreshedAt }) => {
      const { name, isPhone } = context as unknown as Device;
      return { id, name, isPhone, createdAt, lastRefreshedAt, current: id === currentId };
    });
  }

  /** The same answer for an unknown, foreign or ended session: ids of others are nothing to find out here. */
  @Delete(':id')
  @HttpCode(204)
  async end(@CurrentUser() user: User, @Param('id') id: string): Promise<void> {
    await this.tokens.revokeUserToken(user, id);
  }

  @Delete()
  async endOthers(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): Promise<{ ended: number }> {
    return { ended: await this.tokens.revokeAllUserTokens(user, { except: token }) };
  }
}
