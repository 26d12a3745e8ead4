import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

export type Plan = 'free' | 'premium';

@Entity('users')
export class User {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;

  /** In lower case, as `UsersService` writes and looks it up. */
  @Column({ type: 'varchar', length: 254, unique: true })
  email!: string;

  /** Not selected: `request.user` comes from this table on every request and has no business with it. */
  @Column({ type: 'varchar', length: 60, select: false })
  passwordHash!: string;

  @Column({ type: 'varchar', length: 16, default: 'free' })
  plan!: Plan;

  /** Set it to false and the user's next request is a 401: the library asks on every verification and refresh. */
  @Column({ type: 'boolean', default: true })
  isActive!: boolean;
}
