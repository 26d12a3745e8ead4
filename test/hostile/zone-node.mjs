// A node of its own, in the time zone of its environment: `node zone-node.mjs <library> <data source as JSON>`.
// It does what its parent asks for over IPC, at the instant the parent names.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

const [library, dataSource, options] = process.argv.slice(2);
const { AuthentifyModule, authTokenEntity, TokenService } = await import(library);

class User {}
PrimaryGeneratedColumn({ type: 'int' })(User.prototype, 'id');
Column({ type: 'varchar', length: 100 })(User.prototype, 'email');
Column({ type: 'boolean', default: true })(User.prototype, 'isActive');
Entity('users')(User);

class NodeModule {}
const app = await NestFactory.createApplicationContext(
  {
    module: NodeModule,
    imports: [
      TypeOrmModule.forRoot({ ...JSON.parse(dataSource), entities: [User, authTokenEntity(() => User)] }),
      AuthentifyModule.forRoot({ ...JSON.parse(options), userEntity: User }),
    ],
  },
  { logger: false },
);
const tokens = app.get(TokenService);

process.on('message', async ({ at, method, argument }) => {
  Date.now = () => at;
  try {
    const outcome = await tokens[method](argument);
    process.send({ outcome: toPlain(outcome), offset: new Date(at).getTimezoneOffset() });
  } catch (error) {
    process.send({ error: String(error) });
  }
});
process.on('disconnect', () => app.close());
process.send({ ready: true });

/** Instants as epoch milliseconds, so that nothing is lost on the way to the parent. */
function toPlain(outcome) {
  if (outcome === null || typeof outcome !== 'object') return outcome;
  const { accessToken, refreshToken, token = outcome } = outcome;
  const names = ['createdAt', 'lastRefreshedAt', 'expiresAt', 'refreshUntil', 'sessionExpiresAt', 'rotatedAt'];
  const instants = Object.fromEntries(names.map((name) => [name, token[name]?.getTime() ?? null]));
  return { accessToken, refreshToken, id: token.id, ...instants };
}
