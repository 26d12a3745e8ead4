import { Controller, Get, Req, UseGuards } from '@nestjs/common';
import { Expose } from 'class-transformer';
import { AuthentifyGuard, CookieAuthGuard, HeaderAuthGuard, OptionalAuth, Public } from 'nestjs-authentify';
import { send } from '../../requests/client.js';
import { type MaybeAuthenticated, type Whoami, whoami } from '../../requests/controllers.js';
import type { Adapter } from '../../support/app.js';
import type { Denial, Driver } from './driver.js';

/** {@link Whoami}, also for apps whose serialiser leaves out what is not exposed. */
class WhoamiView implements Whoami {
  @Expose() user: number | null;
  @Expose() session: string | null;

  constructor(request: MaybeAuthenticated) {
    const { user, session } = whoami(request);
    this.user = user;
    this.session = session;
  }
}

@Controller()
export class PlacesController {
  @Get('header')
  @UseGuards(HeaderAuthGuard)
  header(@Req() request: MaybeAuthenticated): Whoami {
    return new WhoamiView(request);
  }

  @Get('cookie')
  @UseGuards(CookieAuthGuard)
  cookie(@Req() request: MaybeAuthenticated): Whoami {
    return new WhoamiView(request);
  }

  @Get('either')
  @UseGuards(AuthentifyGuard)
  either(@Req() request: MaybeAuthenticated): Whoami {
    return new WhoamiView(request);
  }

  @Get('optional')
  @OptionalAuth()
  @UseGuards(AuthentifyGuard)
  optional(@Req() request: MaybeAuthenticated): Whoami {
    return new WhoamiView(request);
  }

  @Get('public')
  @Public()
  @UseGuards(AuthentifyGuard)
  public(@Req() request: MaybeAuthenticated): Whoami {
    return new WhoamiView(request);
  }
}

export const http = (adapter: Adapter): Driver => ({
  name: adapter,
  setup: () => ({ adapter, controllers: [PlacesController] }),
  async ask(t, place, headers) {
    const { json } = await send(`${t.url}/${place}`, { headers });
    return json as unknown as Whoami | Denial;
  },
});
