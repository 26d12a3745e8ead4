import { UseGuards } from '@nestjs/common';
import { type OnGatewayConnection, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  AuthentifyGuard,
  AuthentifyModule,
  CurrentUser,
  GuardFor,
  InjectFor,
  providerFor,
  SocketAuthenticator,
  TokenService,
} from 'nestjs-authentify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bearer } from '../requests/client.js';
import { INVALID_TOKEN } from '../requests/controllers.js';
import { startApp, type TestApp } from '../support/app.js';
import { Staff, StaffToken } from '../support/staff.js';
import { ADAPTER_OF, type Client, connect, type SocketKind } from './drivers/sockets.js';

class StaffGuard extends GuardFor('staff') {}

/** For staff; one of its messages is for customers. */
@WebSocketGateway()
class StaffGateway implements OnGatewayConnection {
  @InjectFor('staff') private readonly sockets: SocketAuthenticator;

  async handleConnection(client: object, request?: never): Promise<void> {
    await this.sockets.authenticate(client, request);
  }

  @SubscribeMessage('staff')
  @UseGuards(StaffGuard)
  staff(@CurrentUser('email') email: string): object {
    return { event: 'email', data: email };
  }

  @SubscribeMessage('customers')
  @UseGuards(AuthentifyGuard)
  customers(): object {
    return { event: 'customers', data: {} };
  }
}

describe.each(Object.keys(ADAPTER_OF) as SocketKind[])('sockets of %s, of several user types', (kind) => {
  let t: TestApp;
  let staff: TokenService<StaffToken>;
  const clients: Client[] = [];
  const open = async (token: string): Promise<Client> => {
    const client = await connect(kind, t.url, bearer(token));
    clients.push(client);
    return client;
  };
  beforeEach(async () => {
    t = await startApp({
      imports: [AuthentifyModule.forRoot({ tokenEntity: StaffToken, name: 'staff' })],
      entities: [Staff, StaffToken],
      providers: [StaffGateway],
      configure: (app) => app.useWebSocketAdapter(ADAPTER_OF[kind](app)),
    });
    t.app.useLogger(false);
    staff = t.app.get<TokenService<StaffToken>>(providerFor('staff', TokenService));
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await t.close();
  });

  it('belong to the type that authenticated them, and end with that session', async () => {
    const colleague = await t.dataSource.getRepository(Staff).save({ email: 'ann@example.com' });
    const { accessToken, token } = await staff.generateHeaderToken(colleague);
    const client = await open(accessToken);
    expect(await client.ask('staff')).toEqual({ event: 'email', data: 'ann@example.com' });
    expect(await client.ask('customers')).toEqual({ event: 'exception', data: { status: 'error', ...INVALID_TOKEN } });
    expect(await client.ask('staff')).toMatchObject({ data: 'ann@example.com' });
    await staff.revokeToken(token);
    await client.closed;
  });

  it('refuse the tokens of another type', async () => {
    const { accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
    await (
      await open(accessToken)
    ).closed;
  });
});
