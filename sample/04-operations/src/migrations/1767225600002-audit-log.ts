import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';

export class AuditLog1767225600002 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    const audit = new Table({
      name: 'audit_log',
      columns: [
        { name: 'id', type: 'bigint', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
        { name: 'at', type: 'timestamptz' },
        { name: 'type', type: 'varchar', length: '32' },
        { name: 'reason', type: 'varchar', length: '32', isNullable: true },
        { name: 'user_id', type: 'varchar', length: '64', isNullable: true },
        { name: 'session_id', type: 'varchar', length: '36', isNullable: true },
        { name: 'by', type: 'varchar', length: '255', isNullable: true },
        { name: 'via', type: 'varchar', length: '32', isNullable: true },
      ],
      indices: [{ columnNames: ['at'] }, { columnNames: ['user_id'] }],
    });
    await queryRunner.createTable(audit);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable('audit_log');
  }
}
