import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('colleagues')
export class Colleague {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;

  @Column({ type: 'varchar', length: 254, unique: true })
  email!: string;
}
