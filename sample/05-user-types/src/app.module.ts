import { Module, type OnApplicationBootstrap } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyModule } from 'nestjs-authentify';
import { DataSource } from 'typeorm';
import { addAccount } from './accounts/login.js';
import { cookieOptions } from './cookie-options.js';
import { Customer } from './customers/customer.entity.js';
import { CustomersController } from './customers/customers.controller.js';
import { Colleague } from './staff/colleague.entity.js';
import { StaffController } from './staff/staff.controller.js';
import { SupportService } from './staff/support.service.js';

@Module({
  imports: [
    // An embedded database in memory, so that nothing needs installing; every start begins anew.
    TypeOrmModule.forRoot({ type: 'sqljs', autoLoadEntities: true, synchronize: true }),
    TypeOrmModule.forFeature([Customer, Colleague]),
    // Customers: sessions in `auth_tokens`, and every route is theirs that names no other guard.
    AuthentifyModule.forRoot({
      userEntity: Customer,
      guardAllRoutes: true,
      sessionRoutes: { path: 'auth' },
      tokenTtl: '1h',
      refreshTokenTtl: '30d',
      ...cookieOptions(''),
    }),
    // Staff: sessions in `staff_auth_tokens`, shorter, in cookies and with a token prefix of their own.
    AuthentifyModule.forRoot({
      name: 'staff',
      userEntity: Colleague,
      sessionRoutes: { path: 'staff/auth' },
      tokenPrefix: 'staff',
      realm: 'staff',
      tokenTtl: '15m',
      refreshTokenTtl: '8h',
      sessionMaxTtl: '12h',
      ...cookieOptions('staff-'),
    }),
  ],
  controllers: [CustomersController, StaffController],
  providers: [SupportService],
})
export class AppModule implements OnApplicationBootstrap {
  constructor(private readonly dataSource: DataSource) {}

  /** One account of each kind, both with the key 1. */
  async onApplicationBootstrap(): Promise<void> {
    await addAccount(this.dataSource.getRepository(Customer), 'ada');
    await addAccount(this.dataSource.getRepository(Colleague), 'eve');
  }
}
