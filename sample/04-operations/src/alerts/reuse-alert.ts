import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { AuthentifyEvents, type ReuseDetectedEvent } from 'nestjs-authentify';
import type { Transporter } from 'nodemailer';
import { filter } from 'rxjs';
import type { Repository } from 'typeorm';
import { User } from '../users/user.entity.js';
import { MAILER } from './mailer.js';

/** Tells a user that somebody may have had their refresh token. The session is over already, so nothing is urgent. */
@Injectable()
export class ReuseAlert implements OnModuleInit {
  private readonly logger = new Logger(ReuseAlert.name);

  constructor(
    private readonly events: AuthentifyEvents,
    @Inject(MAILER) private readonly mailer: Transporter,
    @InjectRepository(User) private readonly users: Repository<User>,
  ) {}

  onModuleInit(): void {
    this.events.pipe(filter((event) => event.type === 'reuse-detected')).subscribe((event) => void this.tell(event));
  }

  private async tell({ userId, sessionId, at }: ReuseDetectedEvent): Promise<void> {
    try {
      const user = await this.users.findOneBy({ id: Number(userId) });
      if (!user) return;
      const { envelope } = await this.mailer.sendMail(letterTo(user, at));
      this.logger.log(`Told user ${user.id} about session ${sessionId} (${envelope.to.length} mail)`);
    } catch (error) {
      this.logger.error(`No mail about session ${sessionId}`, error instanceof Error ? error.stack : '');
    }
  }
}

/** No link to click: people who are told of an attack should come by the way they know. */
function letterTo({ email }: User, at: Date): { from: string; to: string; subject: string; text: string } {
  return {
    from: 'Security <security@example.com>',
    to: email,
    subject: 'One of your sessions was ended',
    text:
      `At ${at.toISOString()} a key to one of your sessions was used a second time. Somebody may have copied it, ` +
      'so we ended that session. Log in again; if this was not you, change your password.',
  };
}
