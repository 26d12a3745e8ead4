import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type AuthentifyEvent, AuthentifyEvents } from 'nestjs-authentify';
import { Counter, Registry } from 'prom-client';

/** Counts what happens to sessions on this node; labels are few and fixed, so never a user or a session. */
@Injectable()
export class SessionMetrics implements OnModuleInit {
  readonly registry = new Registry();
  private readonly happened = new Counter({
    name: 'authentify_events_total',
    help: 'What happened to sessions, by type and reason.',
    labelNames: ['type', 'reason'],
    registers: [this.registry],
  });
  private readonly pruned = new Counter({
    name: 'authentify_pruned_sessions_total',
    help: 'Expired sessions cleared away.',
    registers: [this.registry],
  });

  constructor(private readonly events: AuthentifyEvents) {}

  onModuleInit(): void {
    this.events.subscribe((event) => this.count(event));
  }

  private count(event: AuthentifyEvent): void {
    this.happened.inc({ type: event.type, reason: 'reason' in event ? event.reason : '' });
    if (event.type === 'pruned') this.pruned.inc(event.count);
  }
}
