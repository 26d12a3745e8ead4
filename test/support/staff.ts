import { AbstractAuthToken, TokenOwner } from 'nestjs-authentify';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** Another type of user, for apps that have several. */
@Entity('staff')
export class Staff {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;

  @Column({ type: 'varchar', length: 100 })
  email!: string;
}

@Entity('staff_sessions')
export class StaffToken extends AbstractAuthToken<Staff, { desk?: string }> {
  @TokenOwner(() => Staff)
  user!: Staff;
}
