import 'reflect-metadata';
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { TypeOrmModule } from '@nestjs/typeorm';
import { type OnGatewayConnection, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { AuthentifyGuard, AuthentifyModule, CurrentUser, SocketAuthenticator, TokenService } from 'nestjs-authentify';
import { io } from 'socket.io-client';
import { DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { WebSocket } from 'ws';

@Entity('users')
class User {
  @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
}

@WebSocketGateway()
@UseGuards(AuthentifyGuard)
class Gateway implements OnGatewayConnection {
  constructor(private readonly sockets: SocketAuthenticator) {}

  async handleConnection(client: object, request?: IncomingMessage): Promise<void> {
    await this.sockets.authenticate(client, request);
  }

  @SubscribeMessage('whoami')
  whoami(@CurrentUser() user: User): object {
    return { event: 'whoami', data: user.id };
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'sqljs', autoLoadEntities: true, synchronize: true, entities: [User] }),
    AuthentifyModule.forRoot({ userEntity: User }),
  ],
  providers: [Gateway],
})
class AppModule {}

/** What a client of either kind can tell. */
interface Client {
  /** Asks who it is; `null` where it is closed instead. */
  whoami(): Promise<number | null>;
  closed: Promise<void>;
}

function socketIoClient(url: string, token: string): Client {
  const client = io(url, { auth: { token }, transports: ['websocket'], reconnection: false, forceNew: true });
  const closed = new Promise<void>((resolve) => client.on('disconnect', () => resolve()));
  const whoami = (): Promise<number> =>
    new Promise((resolve) => {
      client.once('whoami', resolve);
      client.emit('whoami');
    });
  return { whoami: () => Promise.race([whoami(), closed.then(() => null)]), closed };
}

function wsClient(url: string, token: string): Client {
  const client = new WebSocket(url.replace('http', 'ws'), { headers: { authorization: `Bearer ${token}` } });
  const opened = new Promise<void>((resolve) => client.on('open', () => resolve()));
  const closed = new Promise<void>((resolve) => client.on('close', () => resolve()));
  const whoami = async (): Promise<number> => {
    await opened;
    const answer = new Promise<number>((resolve) => {
      client.on('message', (bytes) => {
        const { event, data } = JSON.parse((bytes as Buffer).toString()) as { event: string; data: number };
        if (event === 'whoami') resolve(data);
      });
    });
    client.send('{"event":"whoami"}');
    return answer;
  };
  return { whoami: () => Promise.race([whoami(), closed.then(() => null)]), closed };
}

async function main(kind: string | undefined): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  app.useWebSocketAdapter(kind === 'ws' ? new WsAdapter(app) : new IoAdapter(app));
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const open = (token: string): Client =>
    (kind === 'ws' ? wsClient : socketIoClient)(`http://127.0.0.1:${port}`, token);

  const user = await app.get(DataSource).getRepository(User).save({});
  const tokens = app.get<TokenService>(TokenService);
  const { accessToken, token } = await tokens.generateHeaderToken(user);

  assert.equal(await open('nobody').whoami(), null);
  const client = open(accessToken);
  assert.equal(await client.whoami(), user.id);
  await tokens.revokeToken(token);
  await client.closed;
  assert.equal(await open(accessToken).whoami(), null);
  await app.close();
  console.log('guarded');
}

main(process.argv[2]).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
