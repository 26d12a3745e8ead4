import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayInit,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import { type AuthenticatedSocket, SocketAuthenticator } from 'nestjs-authentify';
import type { Server, Socket } from 'socket.io';
import { Posts } from '../posts/posts.js';
import type { User } from '../users/user.entity.js';

/** The same posts over Socket.IO; nobody is connected without a session, or for longer. */
@WebSocketGateway()
export class ChatGateway implements OnGatewayInit {
  constructor(
    private readonly sockets: SocketAuthenticator,
    private readonly posts: Posts,
  ) {}

  afterInit(server: Server): void {
    server.use(this.sockets.middleware);
  }

  @SubscribeMessage('post')
  async post(@ConnectedSocket() { user }: Socket & AuthenticatedSocket<User>, @MessageBody() text: unknown) {
    await this.posts.publish({ by: user.email, text: String(text) });
    return { event: 'posted', data: { by: user.email } };
  }
}
