import { All, Controller, Get, Req, UseGuards } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import {
  type AuthenticatedRequest,
  AuthentifyGuard,
  CookieAuthGuard,
  HeaderAuthGuard,
  OptionalAuth,
  Public,
} from 'nestjs-authentify';
import type { Answer } from './client.js';
import type { User } from '../support/users.js';

export type MaybeAuthenticated = Partial<AuthenticatedRequest<User>> & { headers: AuthenticatedRequest['headers'] };

/** What every route below answers: who the request acts as, and in which session. */
export interface Whoami {
  user: number | null;
  session: string | null;
}

export function whoami({ user, auth }: MaybeAuthenticated): Whoami {
  return { user: user?.id ?? null, session: auth?.id ?? null };
}

export const ANONYMOUS: Whoami = { user: null, session: null };

/** What a client that was turned away is told, whatever the reason. */
export const INVALID_TOKEN = { statusCode: 401, message: 'Unauthorized', errorCode: 'invalid_token' };

/** Status and challenge of an answer. */
export const verdict = ({ status, headers }: Answer): [status: number, challenge: string | undefined] => [
  status,
  headers['www-authenticate'],
];

/** Nothing was presented, or something bad, on a route that authenticates by header. */
export const NOTHING_PRESENTED = [401, 'Bearer realm="api"'];
export const BAD_CREDENTIAL = [401, 'Bearer realm="api", error="invalid_token"'];

/** One route for every guard; each answers to every method. */
@Controller('guarded')
export class GuardedController {
  @All('header')
  @UseGuards(HeaderAuthGuard)
  header(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }

  @All('cookie')
  @UseGuards(CookieAuthGuard)
  cookie(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }

  @All('either')
  @UseGuards(AuthentifyGuard)
  either(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }
}

/** The same routes for requests that may be anonymous. */
@Controller('optional')
export class OptionalController {
  @All('header')
  @OptionalAuth()
  @UseGuards(HeaderAuthGuard)
  header(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }

  @All('cookie')
  @OptionalAuth()
  @UseGuards(CookieAuthGuard)
  cookie(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }

  @All('either')
  @OptionalAuth()
  @UseGuards(AuthentifyGuard)
  either(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }
}

/** The strategies under the plain guard of `@nestjs/passport`. */
@Controller('plain')
export class PlainController {
  @All('header')
  @UseGuards(AuthGuard('authentify-header'))
  header(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }

  @All('cookie')
  @UseGuards(AuthGuard('authentify-cookie'))
  cookie(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }
}

/** Routes without guards of their own, for `guardAllRoutes`. */
@Controller()
export class UnguardedController {
  @Get('closed')
  closed(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }

  @Get('open')
  @Public()
  open(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }

  @Get('greeting')
  @OptionalAuth()
  greeting(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }
}
