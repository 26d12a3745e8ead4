import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyEvents, AuthentifyModule, authTokenEntity, TokenService } from 'nestjs-authentify';
import { Column, DataSource, DeleteDateColumn, Entity, ManyToOne, OneToMany, PrimaryGeneratedColumn } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, StatementLog, type TestDatabase } from '../support/database.js';

@Entity('countries')
class Country {
  @PrimaryGeneratedColumn() id!: number;
  @Column({ type: 'varchar' }) name!: string;
}

@Entity('tenants')
class Tenant {
  @PrimaryGeneratedColumn() id!: number;
  @Column({ type: 'varchar' }) name!: string;
  @ManyToOne(() => Country, { eager: true }) country!: Country;
}

@Entity('people')
class Person {
  @PrimaryGeneratedColumn('uuid') id!: string;
  @Column({ type: 'varchar', select: false, default: 'hidden' }) passwordHash?: string;
  @ManyToOne(() => Tenant, { eager: true }) tenant!: Tenant;
  @OneToMany(() => Role, (role) => role.person, { eager: true }) roles!: Role[];
  @DeleteDateColumn() deletedAt!: Date | null;
}

@Entity('roles')
class Role {
  @PrimaryGeneratedColumn() id!: number;
  @Column({ type: 'varchar' }) name!: string;
  @ManyToOne(() => Person, (person) => person.roles) person!: Person;
}

describe('the user that comes with a session', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let tokens: TokenService;
  let close: () => Promise<void>;
  const statements = new StatementLog();
  const reasons: unknown[] = [];

  beforeAll(async () => {
    database = await createDatabase();
    const module = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          ...database.options,
          entities: [Country, Tenant, Person, Role, authTokenEntity(() => Person)],
          synchronize: true,
          logging: true,
          logger: statements,
        }),
        AuthentifyModule.forRoot({ userEntity: Person }),
      ],
    }).compile();
    await module.init();
    dataSource = module.get(DataSource);
    tokens = module.get<TokenService>(TokenService);
    module.get(AuthentifyEvents).subscribe((event) => event.type === 'rejected' && reasons.push(event.reason));
    close = () => module.close();
  });
  afterAll(async () => {
    await close();
    await database.drop();
  });

  async function createPerson(): Promise<Person> {
    const country = await dataSource.getRepository(Country).save({ name: 'Norway' });
    const tenant = await dataSource.getRepository(Tenant).save({ name: 'ACME', country });
    const person = await dataSource.getRepository(Person).save({ tenant });
    await dataSource.getRepository(Role).save([
      { name: 'editor', person },
      { name: 'reader', person },
    ]);
    return person;
  }

  it('brings its eager relations along, to one and to many, in the same statement, as find does', async () => {
    const person = await createPerson();
    const { accessToken } = await tokens.generateHeaderToken(person);
    let user: unknown;

    const sent = await statements.during(async () => {
      user = (await tokens.verifyToken(accessToken))?.user;
    });

    expect(sent).toHaveLength(1);
    const found = await dataSource.getRepository(Person).findOneByOrFail({ id: person.id });
    expect(user).toEqual(found);
    expect(user).toMatchObject({ tenant: { name: 'ACME', country: { name: 'Norway' } } });
    expect(user).not.toHaveProperty('passwordHash');
    expect((user as Person).roles).toHaveLength(2);
  });

  it('R51: is missing when it is soft-deleted, and the session is refused until it is restored', async () => {
    const people = dataSource.getRepository(Person);
    const { id } = await createPerson();
    const { accessToken, refreshToken } = await tokens.generateHeaderToken(id);

    await people.softDelete({ id });
    expect(await tokens.verifyToken(accessToken)).toBeNull();
    expect(await tokens.refreshToken(refreshToken!)).toBeNull();
    expect(reasons).toEqual(['user-missing', 'user-missing']);

    await people.restore({ id });
    expect(await tokens.verifyToken(accessToken)).not.toBeNull();
  });
});
