import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';
import { AuthType } from 'nestjs-authentify';

export interface LoginBody {
  email: string;
  password: string;
  mode: AuthType;
}

/** Written by hand to keep the sample small; an app would use its validation library here. */
@Injectable()
export class LoginBodyPipe implements PipeTransform<unknown, LoginBody> {
  transform(body: unknown): LoginBody {
    const { email, password, mode } = (body ?? {}) as Record<string, unknown>;
    if (typeof email !== 'string' || typeof password !== 'string' || !isMode(mode)) {
      throw new BadRequestException("Send email, password, and 'header' or 'cookie' as mode");
    }
    return { email, password, mode };
  }
}

function isMode(mode: unknown): mode is AuthType {
  return mode === AuthType.HEADER || mode === AuthType.COOKIE;
}
