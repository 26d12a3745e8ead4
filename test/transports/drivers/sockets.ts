import { once } from 'node:events';
import { type INestApplication, UseGuards } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { ConnectedSocket, type OnGatewayConnection, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  type AbstractAuthToken,
  AuthentifyGuard,
  CookieAuthGuard,
  CurrentToken,
  CurrentUser,
  HeaderAuthGuard,
  OptionalAuth,
  Public,
} from 'nestjs-authentify';
import { io, type Socket as IoClient } from 'socket.io-client';
import { WebSocket } from 'ws';
import type { Whoami } from '../../requests/controllers.js';
import type { Adapter } from '../../support/app.js';
import type { User } from '../../support/users.js';
import type { Denial, Driver } from './driver.js';

interface Message {
  event: string;
  data: unknown;
}

const whoami = (user?: User, auth?: AbstractAuthToken): Message => ({
  event: 'whoami',
  data: { user: user?.id ?? null, session: auth?.id ?? null } satisfies Whoami,
});

/** Authenticates by its guards alone. */
@WebSocketGateway()
export class PlacesGateway implements OnGatewayConnection {
  /** All that a gateway of `ws` must do for the guards. */
  handleConnection(client: object, request?: object): void {
    if (request) Object.assign(client, { upgradeReq: request });
  }

  @SubscribeMessage('header')
  @UseGuards(HeaderAuthGuard)
  header(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): Message {
    return whoami(user, token);
  }

  @SubscribeMessage('cookie')
  @UseGuards(CookieAuthGuard)
  cookie(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): Message {
    return whoami(user, token);
  }

  @SubscribeMessage('either')
  @UseGuards(AuthentifyGuard)
  either(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): Message {
    return whoami(user, token);
  }

  @SubscribeMessage('optional')
  @OptionalAuth()
  @UseGuards(AuthentifyGuard)
  optional(@ConnectedSocket() client: { user?: User; auth?: AbstractAuthToken }): Message {
    return whoami(client.user, client.auth);
  }

  @SubscribeMessage('public')
  @Public()
  @UseGuards(AuthentifyGuard)
  public(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): Message {
    return whoami(user, token);
  }
}

export const ADAPTER_OF = {
  'socket.io': (app: INestApplication) => new IoAdapter(app),
  ws: (app: INestApplication) => new WsAdapter(app),
};
export type SocketKind = keyof typeof ADAPTER_OF;

/** A client of either kind, as the tests use it. */
export interface Client {
  /** Sends a message; resolves to the next one that arrives. */
  ask(event: string, data?: unknown): Promise<Message>;
  send(event: string, data?: unknown): void;
  /** Resolves to why and, for `ws`, with which code the server closed it. */
  closed: Promise<{ code?: number; reason: string }>;
  /** Messages that arrived and nobody waited for. */
  unasked: Message[];
  close(): Promise<void>;
}

/** Opens a socket with these headers; for Socket.IO over WebSocket alone, unless it says otherwise. */
export function connect(
  kind: SocketKind,
  url: string,
  headers: Record<string, string> = {},
  options: object = {},
): Promise<Client> {
  return kind === 'ws' ? connectWs(url, headers) : connectIo(url, headers, options);
}

async function connectWs(url: string, headers: Record<string, string>): Promise<Client> {
  const socket = new WebSocket(url.replace('http', 'ws'), { headers });
  const inbox = new Inbox();
  socket.on('message', (data: Buffer) => inbox.put(JSON.parse(data.toString()) as Message));
  const closed = once(socket, 'close').then(([code, reason]) => ({
    code: code as number,
    reason: (reason as Buffer).toString(),
  }));
  const send = (event: string, data: unknown = null): void => socket.send(JSON.stringify({ event, data }));
  await once(socket, 'open');
  return clientOf(socket, { inbox, send, closed });
}

async function connectIo(url: string, headers: Record<string, string>, options: object): Promise<Client> {
  const socket: IoClient = io(url, {
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
    extraHeaders: headers,
    ...options,
  });
  const inbox = new Inbox();
  socket.onAny((event: string, data: unknown) => inbox.put({ event, data }));
  const closed = new Promise<{ reason: string }>((resolve) => {
    socket.once('disconnect', (reason) => resolve({ reason }));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  const send = (event: string, data: unknown = null): void => void socket.emit(event, data);
  return clientOf(socket, { inbox, send, closed });
}

function clientOf(
  socket: { close(): unknown },
  { inbox, send, closed }: { inbox: Inbox } & Pick<Client, 'send' | 'closed'>,
): Client {
  return {
    send,
    ask: (event, data) => inbox.nextAfter(() => send(event, data)),
    closed,
    unasked: inbox.unasked,
    close: async () => {
      socket.close();
      await closed;
    },
  };
}

/** Gives each message that arrives to the one who waits for it. */
class Inbox {
  readonly unasked: Message[] = [];
  private readonly waiting: ((message: Message) => void)[] = [];

  put(message: Message): void {
    const take = this.waiting.shift();
    if (take) take(message);
    else this.unasked.push(message);
  }

  nextAfter(send: () => void): Promise<Message> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      send();
    });
  }
}

export const sockets = (kind: SocketKind, adapter: Adapter): Driver => ({
  name: `${kind} beside ${adapter}`,
  setup: () => ({
    adapter,
    providers: [PlacesGateway],
    configure: (app) => app.useWebSocketAdapter(ADAPTER_OF[kind](app)),
  }),
  async ask(t, place, headers) {
    const client = await connect(kind, t.url, headers);
    try {
      const { event, data } = await client.ask(place);
      if (event === 'whoami') return data as Whoami;
      const { status: _status, ...denial } = data as Denial & { status: string };
      return denial;
    } finally {
      await client.close();
    }
  },
});
