import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { compare, hash } from 'bcryptjs';
import type { Repository } from 'typeorm';
import { DEMO_USERS } from './demo-users.js';
import { User } from './user.entity.js';

/** bcrypt's work factor: 2^12 rounds, some 300 ms per log-in. */
const COST = 12;

@Injectable()
export class UsersService implements OnApplicationBootstrap {
  /** What a password is compared with where there is no user. */
  private readonly nobodysHash = hash('nobody has this password', COST);

  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  async onApplicationBootstrap(): Promise<void> {
    for (const { email, password, plan } of DEMO_USERS) {
      if (await this.users.existsBy({ email })) continue;
      await this.users.insert({ email, plan, passwordHash: await hash(password, COST) });
    }
  }

  /**
   * The active user with these credentials, or `null`. An unknown e-mail address costs as much work as a wrong
   * password, so that response times do not tell who has an account here.
   */
  async authenticate(email: string, password: string): Promise<User | null> {
    const user = await this.users.findOne({
      where: { email: email.toLowerCase() },
      select: { id: true, email: true, passwordHash: true, plan: true, isActive: true },
    });
    const matches = await compare(password, user?.passwordHash ?? (await this.nobodysHash));
    return matches && user?.isActive ? user : null;
  }
}
