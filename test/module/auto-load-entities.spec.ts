import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyModule, authTokenEntity, TokenService } from 'nestjs-authentify';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { User } from '../support/users.js';

// In a file of its own: auto-loaded entities are kept for the whole process.
describe('a data source with autoLoadEntities: true', () => {
  let database: TestDatabase;
  let app: TestingModule;

  beforeEach(async () => {
    database = await createDatabase();
  });
  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it.each([
    ['forRoot', () => AuthentifyModule.forRoot({ userEntity: User })],
    ['forRootAsync', () => AuthentifyModule.forRootAsync({ userEntity: User, useFactory: () => ({}) })],
  ])('needs no entity listed for %s', async (_, module) => {
    app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ ...database.options, autoLoadEntities: true, synchronize: true, retryAttempts: 0 }),
        TypeOrmModule.forFeature([User]),
        module(),
      ],
    }).compile();
    await app.init();

    const user = await app.get(DataSource).getRepository(User).save({ email: 'ann@example.com' });
    const { accessToken } = await app.get(TokenService).generateHeaderToken(user);

    expect(await app.get(TokenService).verifyToken(accessToken)).toMatchObject({ userId: user.id });
    expect(app.get(DataSource).hasMetadata(authTokenEntity(() => User))).toBe(true);
  });
});
