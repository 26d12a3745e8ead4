import { GuardFor } from 'nestjs-authentify';

/** Lets colleagues in, by header or by cookie. */
export class StaffGuard extends GuardFor('staff') {}
