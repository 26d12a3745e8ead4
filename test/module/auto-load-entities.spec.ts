import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AbstractAuthToken, AuthentifyModule, authTokenEntity, TokenOwner, TokenService } from 'nestjs-authentify';
import { DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { User } from '../support/users.js';

@Entity('members')
class Member {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;
}

@Entity('member_tokens')
class MemberToken extends AbstractAuthToken<Member> {
  @TokenOwner(() => Member)
  user!: Member;
}

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
  ])('needs no entity listed for %s, nor the user in a forFeature', async (_, module) => {
    app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ ...database.options, autoLoadEntities: true, synchronize: true, retryAttempts: 0 }),
        module(),
      ],
    }).compile();
    await app.init();

    const user = await app.get(DataSource).getRepository(User).save({ email: 'ann@example.com' });
    const { accessToken } = await app.get(TokenService).generateHeaderToken(user);

    expect(await app.get(TokenService).verifyToken(accessToken)).toMatchObject({ userId: user.id });
    expect(app.get(DataSource).hasMetadata(authTokenEntity(() => User))).toBe(true);
  });

  it('learns of the user of a token entity of the app', async () => {
    app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ ...database.options, autoLoadEntities: true, synchronize: true, retryAttempts: 0 }),
        AuthentifyModule.forRoot({ tokenEntity: MemberToken }),
      ],
    }).compile();
    await app.init();

    const member = await app.get(DataSource).getRepository(Member).save({});
    expect(await app.get(TokenService).generateHeaderToken(member)).toMatchObject({ token: { userId: member.id } });
  });
});
