import { ApiForbiddenResponse, ApiProperty, ApiUnauthorizedResponse } from '@nestjs/swagger';

/** The body of every 401 (R60). */
export class UnauthorizedAnswer {
  @ApiProperty({ type: 'integer', example: 401 })
  statusCode!: number;

  @ApiProperty({ type: String, example: 'Unauthorized' })
  message!: string;

  @ApiProperty({ type: String, example: 'invalid_token' })
  errorCode!: string;
}

/** Describes the 401 of the guards. */
export const Refused = (): MethodDecorator =>
  ApiUnauthorizedResponse({
    description: 'No token, or one that is no good; the reason is not told.',
    headers: {
      'WWW-Authenticate': { description: 'How to authenticate (RFC 9110, 11.6.1).', schema: { type: 'string' } },
    },
    type: UnauthorizedAnswer,
  });

/** Describes the 403 of the cross-site check (R54). */
export const OwnSiteOnly = (): MethodDecorator =>
  ApiForbiddenResponse({ description: 'A page of another site sent this with a cookie.' });
