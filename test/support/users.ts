import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** The user of most suites. */
@Entity('users')
export class User {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;

  @Column({ type: 'varchar', length: 100 })
  email!: string;

  @Column({ type: 'varchar', length: 100, default: 'not for clients' })
  passwordHash!: string;

  @Column({ type: 'boolean', default: true })
  isActive!: boolean;
}
