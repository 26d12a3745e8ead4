import {
  BadRequestException,
  type HttpException,
  InternalServerErrorException,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import type { TransportRequest } from '../authentication/transport-request.js';
import { bodyKindOf } from './request-body.js';

/** What a body says of a refresh token. */
export interface Statement {
  /** The token; `undefined` where the body states none. */
  token?: string;
  /** Why the body could not be read: it may have stated one. */
  unread?: HttpException;
  /** Members that mean nothing here, and no token beside them. */
  isStrange?: boolean;
}

/** This library's spelling and that of OAuth (RFC 6749 §6). */
const SPELLINGS = ['refreshToken', 'refresh_token'];

/**
 * Reads the refresh token that a JSON body states; `null` counts as absent. Nothing else is read, be it a form or a
 * query string (R11).
 *
 * @throws BadRequestException for a token that is no string (R14), two different ones, and JSON that is no object.
 */
export function statedToken(request: TransportRequest): Statement {
  switch (bodyKindOf(request)) {
    case 'none':
      return {};
    case 'other':
      return {
        unread: new UnsupportedMediaTypeException('Send the refresh token as application/json, or in its cookie'),
      };
    default:
      return tokenIn(request.body);
  }
}

function tokenIn(body: unknown): Statement {
  if (body === undefined || ArrayBuffer.isView(body)) {
    return {
      unread: new InternalServerErrorException(
        'The JSON body was not parsed. Session routes need a body parser: leave out bodyParser: false, or call ' +
          "app.useBodyParser('json')",
      ),
    };
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new BadRequestException('The body must be a JSON object');
  }
  const members = body as Record<string, unknown>;
  const stated = SPELLINGS.map((name) => members[name]).filter((value) => value !== undefined && value !== null);
  if (!stated.every((value) => typeof value === 'string')) {
    throw new BadRequestException('refreshToken must be a string');
  }
  const [token, other = token] = stated;
  if (token !== other) throw new BadRequestException('refreshToken and refresh_token differ; send one of them');
  if (token !== undefined) return { token };
  return { isStrange: Object.keys(members).some((name) => !SPELLINGS.includes(name)) };
}
