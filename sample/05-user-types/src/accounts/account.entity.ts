import { Column, PrimaryGeneratedColumn } from 'typeorm';

/** What everybody has who can log in. Customers and staff are tables of their own. */
export abstract class Account {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;

  @Column({ type: 'varchar', length: 254, unique: true })
  email!: string;

  /** Not selected: `request.user` comes from this table on every request and has no business with it. */
  @Column({ type: 'varchar', length: 60, select: false })
  passwordHash!: string;
}
