import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type AuthentifyEvent, AuthentifyEvents } from 'nestjs-authentify';
import { bufferTime, concatMap, filter, type Subscription } from 'rxjs';
import type { Repository } from 'typeorm';
import { AuditEntry } from './audit-entry.entity.js';

const EVERY_MS = 1_000;
const AT_MOST = 500;

/**
 * Writes what happens to sessions into a table: once a second, so that no request waits for it and a burst is one
 * statement. What must not be lost on a crash belongs into a statement of the request itself.
 */
@Injectable()
export class AuditLog implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(AuditLog.name);
  private subscription?: Subscription;

  constructor(
    private readonly events: AuthentifyEvents,
    @InjectRepository(AuditEntry) private readonly entries: Repository<AuditEntry>,
  ) {}

  onModuleInit(): void {
    this.subscription = this.events
      .pipe(
        // Every single request would be: that is what an access log is for.
        filter(({ type }) => type !== 'authenticated'),
        bufferTime(EVERY_MS, null, AT_MOST),
        filter((batch) => batch.length > 0),
        concatMap((batch) => this.write(batch)),
      )
      .subscribe();
  }

  onApplicationShutdown(): void {
    this.subscription?.unsubscribe();
  }

  private async write(batch: AuthentifyEvent[]): Promise<void> {
    try {
      await this.entries.insert(batch.map(entryOf));
    } catch (error) {
      this.logger.error(`${batch.length} lines of the audit log are lost`, error instanceof Error ? error.stack : '');
    }
  }
}

function entryOf(event: AuthentifyEvent): Omit<AuditEntry, 'id'> {
  const { at, type } = event;
  return {
    at,
    type,
    reason: 'reason' in event ? event.reason : null,
    userId: 'userId' in event && event.userId !== undefined ? String(event.userId) : null,
    sessionId: ('sessionId' in event && event.sessionId) || null,
    by: ('by' in event && event.by) || null,
    via: ('via' in event && event.via) || null,
  };
}
