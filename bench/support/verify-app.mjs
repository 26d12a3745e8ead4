// Verifies tokens in an app of its own, with whatever TypeORM that app has: node verify-app.mjs <options of a data source>
// By IPC it takes the tokens, then how many to verify, and answers with microseconds of CPU for each.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyModule, authTokenEntity, TokenService } from 'nestjs-authentify';
import { Column, Entity, PrimaryColumn } from 'typeorm';

class User {}
Entity('users')(User);
PrimaryColumn({ type: 'int' })(User.prototype, 'id');
Column({ type: 'varchar', length: 100 })(User.prototype, 'email');
Column({ type: 'varchar', length: 100 })(User.prototype, 'name');
Column({ type: 'varchar', length: 100, name: 'password_hash' })(User.prototype, 'passwordHash');
Column({ type: 'boolean', name: 'is_active', default: true })(User.prototype, 'isActive');

class AppModule {}
Module({
  imports: [
    TypeOrmModule.forRoot({ ...JSON.parse(process.argv[2]), entities: [User, authTokenEntity(() => User)] }),
    AuthentifyModule.forRoot({ userEntity: User }),
  ],
})(AppModule);
const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
const service = app.get(TokenService);

let tokens = [];
let next = 0;
process.on('disconnect', () => process.exit());
process.on('message', (message) => {
  if (Array.isArray(message)) tokens = message;
  else void measure(message).then((cpu) => process.send(cpu));
});
process.send('ready');

async function measure(times) {
  const before = process.cpuUsage();
  for (let verified = 0; verified < times; verified += 1) {
    next = (next + 1) % tokens.length;
    if (!(await service.verifyToken(tokens[next]))?.user.id) throw new Error('A token was not good');
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}
