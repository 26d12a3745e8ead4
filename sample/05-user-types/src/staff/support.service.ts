import { Injectable, Logger } from '@nestjs/common';
import { AbstractAuthToken, InjectFor, TokenService } from 'nestjs-authentify';
import { Customer } from '../customers/customer.entity.js';
import { Colleague } from './colleague.entity.js';

/** One provider that has to do with both: customers are injected as ever, staff by name. */
@Injectable()
export class SupportService {
  private readonly logger = new Logger(SupportService.name);

  constructor(
    private readonly customers: TokenService<AbstractAuthToken<Customer>>,
    @InjectFor('staff') private readonly staff: TokenService<AbstractAuthToken<Colleague>>,
  ) {}

  async logOutCustomer(id: number, by: Colleague): Promise<{ ended: number; colleaguesSessions: number }> {
    const ended = await this.customers.revokeAllUserTokens(id);
    this.logger.log(`Colleague ${by.id} ended ${ended} sessions of customer ${id}`);
    return { ended, colleaguesSessions: (await this.staff.listUserTokens(by)).length };
  }
}
