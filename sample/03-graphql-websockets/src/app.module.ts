import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Module } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyModule } from 'nestjs-authentify';
import { AuthController } from './auth/auth.controller.js';
import { ChatGateway } from './chat/chat.gateway.js';
import { PostsResolver } from './posts/posts.resolver.js';
import { Posts } from './posts/posts.js';
import { DemoUser } from './users/demo-user.js';
import { MeResolver } from './users/me.resolver.js';
import { User } from './users/user.entity.js';

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/test',
      autoLoadEntities: true,
      synchronize: true, // for a sample; 04-operations has migrations
    }),
    TypeOrmModule.forFeature([User]),
    AuthentifyModule.forRoot({
      userEntity: User,
      tokenTtl: '15m',
      guardAllRoutes: true, // resolvers and messages of sockets too
      sessionRoutes: { path: 'auth' },
      sessionCheckInterval: '5s', // how long a socket may outlive a session that another node ended
    }),
    GraphQLModule.forRoot<ApolloDriverConfig>({
      driver: ApolloDriver,
      autoSchemaFile: true,
      subscriptions: { 'graphql-ws': true },
      context: (req: unknown, res: unknown) => ({ req, res }),
    }),
  ],
  controllers: [AuthController],
  providers: [ChatGateway, DemoUser, MeResolver, Posts, PostsResolver],
})
export class AppModule {}
