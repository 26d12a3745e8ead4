import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { compare, hash } from 'bcryptjs';
import type { Repository } from 'typeorm';
import { User } from './user.entity.js';

const ROUNDS = 10;

/** Two users to play with: `demo@example.com` with `demo-password`, and `other@example.com` likewise. */
@Injectable()
export class UsersService implements OnModuleInit {
  /** Compared with where there is no user, so that an unknown address takes as long as a wrong password. */
  private nobodysHash: string;

  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  async onModuleInit(): Promise<void> {
    this.nobodysHash = await hash('nobody', ROUNDS);
    for (const name of ['demo', 'other']) {
      const email = `${name}@example.com`;
      if (await this.users.existsBy({ email })) continue;
      await this.users.insert({ email, passwordHash: await hash(`${name}-password`, ROUNDS) });
    }
  }

  async withPassword(email: string, password: string): Promise<User | null> {
    const columns = { id: true, email: true, passwordHash: true };
    const user = await this.users.findOne({ where: { email: email.toLowerCase() }, select: columns });
    return (await compare(password, user?.passwordHash ?? this.nobodysHash)) ? user : null;
  }
}
