import { Injectable } from '@nestjs/common';
import type { AuthType } from '../../sessions/auth-type.js';
import { AuthentifyGuard } from './authentify.guard.js';

/**
 * Lets a request pass that presents a live session in a cookie; the `Authorization` header is not looked at.
 *
 * @example `@UseGuards(CookieAuthGuard)`
 */
@Injectable()
export class CookieAuthGuard extends AuthentifyGuard {
  protected override transportOf(): AuthType {
    return 'cookie';
  }

  protected override get challengedTransport(): AuthType {
    return 'cookie';
  }
}
