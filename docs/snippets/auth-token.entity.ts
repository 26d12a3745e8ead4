import { AbstractAuthToken, TokenOwner } from 'nestjs-authentify';
import { Column, Entity, type Relation } from 'typeorm';
import { User } from './user.entity.js';

export type Device = { device: string; appVersion?: string };

@Entity('auth_tokens')
export class AuthToken extends AbstractAuthToken<User, Device> {
  @TokenOwner(() => User)
  user!: Relation<User>;

  @Column({ type: 'varchar', length: 45, nullable: true })
  lastUsedIp!: string | null;

  @Column({ type: 'boolean', default: false })
  secondFactor!: boolean;
}
