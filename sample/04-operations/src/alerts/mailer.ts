import type { FactoryProvider } from '@nestjs/common';
import { createTransport, type Transporter } from 'nodemailer';

export const MAILER = Symbol('MAILER');

/** SMTP where `SMTP_URL` says so; in development a mail is composed in full and goes nowhere. */
export const mailer: FactoryProvider<Transporter> = {
  provide: MAILER,
  useFactory: () => {
    const { SMTP_URL } = process.env;
    return SMTP_URL ? createTransport(SMTP_URL) : createTransport({ jsonTransport: true });
  },
};
