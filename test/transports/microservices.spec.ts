import { type AddressInfo, createServer } from 'node:net';
import { once } from 'node:events';
import { Controller, UseGuards } from '@nestjs/common';
import { type ClientProxy, ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import {
  AuthentifyGuard,
  CookieAuthGuard,
  CrossSiteGuard,
  CurrentUser,
  HeaderAuthGuard,
  OptionalAuth,
  Public,
  RequireContext,
} from 'nestjs-authentify';
import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { type Setup, startApp, type TestApp } from '../support/app.js';

/** What guarded handlers did: nothing, ever. */
let handled: string[] = [];
const handle = (name: string): string => {
  handled.push(name);
  return name;
};

@Controller()
class MessagesController {
  @MessagePattern('header')
  @UseGuards(HeaderAuthGuard)
  header(): string {
    return handle('header');
  }

  @MessagePattern('cookie')
  @UseGuards(CookieAuthGuard)
  cookie(): string {
    return handle('cookie');
  }

  @MessagePattern('either')
  @UseGuards(AuthentifyGuard)
  either(): string {
    return handle('either');
  }

  @MessagePattern('optional')
  @OptionalAuth()
  @UseGuards(AuthentifyGuard)
  optional(): string {
    return handle('optional');
  }

  @MessagePattern('cross-site')
  @UseGuards(CrossSiteGuard)
  crossSite(): string {
    return handle('cross-site');
  }

  @MessagePattern('context')
  @RequireContext({ plan: 'premium' })
  context(): string {
    return handle('context');
  }

  @MessagePattern('user')
  user(@CurrentUser() user: unknown): string {
    return handle(`user ${String(user)}`);
  }
}

@Controller()
class OpenController {
  @MessagePattern('bare')
  bare(): string {
    return handle('bare');
  }

  @MessagePattern('public')
  @Public()
  public(): string {
    return 'public';
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('messages of a microservice', () => {
  let t: TestApp;
  let client: ClientProxy;
  const errors: string[] = [];

  /** An app that also listens for messages over TCP, with its global guards and interceptors. */
  const start = async (setup: Setup): Promise<void> => {
    handled = [];
    errors.length = 0;
    t = await startApp(setup);
    const options = { host: '127.0.0.1', port: await freePort() };
    t.app.connectMicroservice({ transport: Transport.TCP, options }, { inheritAppConfig: true });
    await t.app.startAllMicroservices();
    client = ClientProxyFactory.create({ transport: Transport.TCP, options });
    t.app.useLogger({ log() {}, warn() {}, error: (...parts: unknown[]) => errors.push(parts.map(String).join(' ')) });
  };
  const ask = (pattern: string): Promise<unknown> =>
    firstValueFrom(client.send<unknown>(pattern, { authorization: 'Bearer x' })).catch((error: unknown) => error);

  afterEach(async () => {
    t.app.useLogger(false);
    client.close();
    await t.close();
  });

  it('are refused by every guard, and the log says why', async () => {
    await start({ controllers: [MessagesController] });
    const patterns = ['header', 'cookie', 'either', 'optional', 'cross-site', 'context', 'user'];
    for (const pattern of patterns) {
      errors.length = 0;
      expect(await ask(pattern), pattern).toEqual({ status: 'error', message: 'Internal server error' });
      expect(errors.join('\n'), pattern).toContain('nestjs-authentify does not guard "rpc" handlers');
    }
    expect(handled).toEqual([]);
  });

  it('are refused by guardAllRoutes, where they are not @Public(); what slides sessions leaves them alone', async () => {
    await start({
      controllers: [OpenController],
      extras: { guardAllRoutes: true, autoRefresh: true },
      options: { autoRefreshInterval: '1m', autoRefreshMaxTtl: '1d' },
    });
    expect(await ask('bare')).toEqual({ status: 'error', message: 'Internal server error' });
    expect(await ask('public')).toBe('public');
    expect(handled).toEqual([]);
  });
});
