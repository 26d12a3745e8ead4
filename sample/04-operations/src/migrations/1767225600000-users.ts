import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';

export class Users1767225600000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    const id = {
      name: 'id',
      type: 'integer',
      isPrimary: true,
      isGenerated: true,
      generationStrategy: 'increment' as const,
    };
    const email = { name: 'email', type: 'varchar', length: '254', isUnique: true };
    await queryRunner.createTable(new Table({ name: 'users', columns: [id, email] }));
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable('users');
  }
}
