import { Entity } from 'typeorm';
import { Account } from '../accounts/account.entity.js';

@Entity('customers')
export class Customer extends Account {}
