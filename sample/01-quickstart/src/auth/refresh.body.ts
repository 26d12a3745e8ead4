import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';

export interface RefreshBody {
  /** Absent where the refresh token comes in its cookie. */
  refreshToken?: string;
}

@Injectable()
export class RefreshBodyPipe implements PipeTransform<unknown, RefreshBody> {
  transform(body: unknown): RefreshBody {
    const { refreshToken } = (body ?? {}) as Record<string, unknown>;
    if (refreshToken === undefined) return {};
    if (typeof refreshToken !== 'string') throw new BadRequestException('refreshToken must be a string');
    return { refreshToken };
  }
}
