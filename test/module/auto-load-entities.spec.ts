import { Test, type TestingModule } from '@nestjs/testing';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { AbstractAuthToken, AuthentifyModule, authTokenEntity, TokenOwner, TokenService } from 'nestjs-authentify';
import { type DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';
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

/** Nest keeps auto-loaded entities for the whole process, by the name of their data source: other suites are the default one's. */
const dataSource = 'auto-loading';

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
    ['forRoot', () => AuthentifyModule.forRoot({ userEntity: User, dataSource })],
    ['forRootAsync', () => AuthentifyModule.forRootAsync({ userEntity: User, dataSource, useFactory: () => ({}) })],
  ])('needs no entity listed for %s, nor the user in a forFeature', async (_, module) => {
    app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          ...database.options,
          name: dataSource,
          autoLoadEntities: true,
          synchronize: true,
          retryAttempts: 0,
        }),
        module(),
      ],
    }).compile();
    await app.init();

    const user = await app
      .get<DataSource>(getDataSourceToken(dataSource))
      .getRepository(User)
      .save({ email: 'ann@example.com' });
    const { accessToken } = await app.get(TokenService).generateHeaderToken(user);

    expect(await app.get(TokenService).verifyToken(accessToken)).toMatchObject({ userId: user.id });
    expect(app.get<DataSource>(getDataSourceToken(dataSource)).hasMetadata(authTokenEntity(() => User))).toBe(true);
  });

  it('learns of the user of a token entity of the app', async () => {
    app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          ...database.options,
          name: dataSource,
          autoLoadEntities: true,
          synchronize: true,
          retryAttempts: 0,
        }),
        AuthentifyModule.forRoot({ tokenEntity: MemberToken, dataSource }),
      ],
    }).compile();
    await app.init();

    const member = await app.get<DataSource>(getDataSourceToken(dataSource)).getRepository(Member).save({});
    expect(await app.get(TokenService).generateHeaderToken(member)).toMatchObject({ token: { userId: member.id } });
  });
});
