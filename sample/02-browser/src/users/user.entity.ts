import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('users')
export class User {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;

  @Column({ type: 'varchar', length: 100, unique: true })
  email!: string;

  /** Not selected: `request.user` comes from this table on every request and has no business with it. */
  @Column({ type: 'varchar', length: 60, select: false })
  passwordHash!: string;
}
