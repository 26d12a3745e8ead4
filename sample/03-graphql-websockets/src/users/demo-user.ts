import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { User } from './user.entity.js';

export const DEMO_EMAIL = 'demo@example.com';

/** Somebody to play with. */
@Injectable()
export class DemoUser implements OnApplicationBootstrap {
  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.users.upsert({ email: DEMO_EMAIL }, ['email']);
  }
}
