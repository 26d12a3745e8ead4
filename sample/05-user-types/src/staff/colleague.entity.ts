import { Entity } from 'typeorm';
import { Account } from '../accounts/account.entity.js';

@Entity('colleagues')
export class Colleague extends Account {}
