import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** One line of the audit log. It holds no token and no digest, because no event does. */
@Entity('audit_log')
export class AuditEntry {
  @PrimaryGeneratedColumn({ type: 'bigint' })
  id!: string;

  @Index()
  @Column({ type: 'timestamptz' })
  at!: Date;

  @Column({ type: 'varchar', length: 32 })
  type!: string;

  /** Why a credential was turned down or a session ended. */
  @Column({ type: 'varchar', length: 32, nullable: true })
  reason!: string | null;

  @Index()
  @Column({ name: 'user_id', type: 'varchar', length: 64, nullable: true })
  userId!: string | null;

  /** Who did it, where an administrator did, and by which door: see `via` and `by` of the events. */
  @Column({ type: 'varchar', length: 255, nullable: true })
  by!: string | null;

  @Column({ type: 'varchar', length: 32, nullable: true })
  via!: string | null;

  /** No foreign key: the line outlives the session. */
  @Column({ name: 'session_id', type: 'varchar', length: 36, nullable: true })
  sessionId!: string | null;
}
