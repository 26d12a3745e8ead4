import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';
import { AuthType } from 'nestjs-authentify';

export interface LoginBody {
  email: string;
  password: string;
  /** How the session's tokens are to travel: in a header for programs, in cookies for browsers. */
  mode: AuthType;
  /** What the user's list of sessions calls this one. */
  device: string;
}

/** Written by hand to keep the sample small; an app would use its validation library here. */
@Injectable()
export class LoginBodyPipe implements PipeTransform<unknown, LoginBody> {
  transform(body: unknown): LoginBody {
    const { email, password, mode, device = 'unknown device' } = (body ?? {}) as Record<string, unknown>;
    return {
      email: text('email', email, 254),
      // bcrypt reads no more than 72 bytes.
      password: text('password', password, 72),
      mode: transport(mode),
      device: text('device', device, 100),
    };
  }
}

function transport(mode: unknown): AuthType {
  if (mode === AuthType.HEADER || mode === AuthType.COOKIE) return mode;
  throw new BadRequestException("mode must be 'header' or 'cookie'");
}

/** What no database and no context can keep: control characters and halves of surrogate pairs. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;

function text(name: string, value: unknown, longest: number): string {
  if (typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= longest && !UNPRINTABLE.test(value)) {
    return value;
  }
  throw new BadRequestException(`${name} must be a string of 1 to ${longest} bytes without control characters`);
}
