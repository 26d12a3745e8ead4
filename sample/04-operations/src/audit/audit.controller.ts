import { Controller, Get } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { CurrentUser } from 'nestjs-authentify';
import type { Repository } from 'typeorm';
import { AuditEntry } from './audit-entry.entity.js';

/** What happened to the user's own sessions. */
@Controller('audit')
export class AuditController {
  constructor(@InjectRepository(AuditEntry) private readonly entries: Repository<AuditEntry>) {}

  @Get()
  latest(@CurrentUser('id') userId: number): Promise<AuditEntry[]> {
    return this.entries.find({ where: { userId: String(userId) }, order: { id: 'DESC' }, take: 20 });
  }
}
