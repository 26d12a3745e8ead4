import { Injectable } from '@nestjs/common';
import type { AuthType } from '../../sessions/auth-type.js';
import { AuthentifyGuard } from './authentify.guard.js';

/**
 * Lets a request pass that presents a live session in the `Authorization` header; cookies are not looked at.
 *
 * @example `@UseGuards(HeaderAuthGuard)`
 */
@Injectable()
export class HeaderAuthGuard extends AuthentifyGuard {
  protected override transportOf(): AuthType {
    return 'header';
  }
}
