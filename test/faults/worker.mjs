// A server process that does one thing, over and over, until it is killed. Told what by its parent's one message.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Column, DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';

class User {}
Entity('users')(User);
PrimaryGeneratedColumn({ type: 'int' })(User.prototype, 'id');
Column({ type: 'boolean', default: true })(User.prototype, 'isActive');

process.once('message', async ({ library, database, options, work, user, refreshToken }) => {
  const { AuthentifyModule, authTokenEntity, TokenService } = await import(library);
  const tokenEntity = authTokenEntity(() => User);
  const root = {
    module: class Root {},
    imports: [
      TypeOrmModule.forRoot({ ...database, entities: [User, tokenEntity], retryAttempts: 0 }),
      AuthentifyModule.forRoot({ ...options, userEntity: User }),
    ],
  };
  const app = await NestFactory.createApplicationContext(root, { logger: false });
  const tokens = app.get(TokenService);
  const rows = app.get(DataSource).getRepository(tokenEntity);

  /** Works through one step and tells the client what it got. */
  const steps = {
    refresh: async () => {
      const issued = await tokens.refreshToken(refreshToken);
      refreshToken = issued.refreshToken;
      return { accessToken: issued.accessToken, refreshToken };
    },
    login: async () => {
      const issued = await tokens.generateHeaderToken(user);
      return { accessToken: issued.accessToken, refreshToken: issued.refreshToken };
    },
    deleteAndInsert: async () => {
      const [row] = await rows.find();
      await rows.delete({ id: row.id });
      await rows.createQueryBuilder().insert().values(row).execute();
      return {};
    },
  };
  for (;;) {
    const answer = await steps[work]();
    await new Promise((resolve, reject) => {
      process.send(answer, (error) => (error ? reject(error) : resolve()));
    });
  }
});
process.send('ready');
