import type { Type } from '@nestjs/common';
import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { RefreshBody, SessionView } from '../session-routes/session-views.js';

const INSTANT = { type: String, format: 'date-time' };
const MAYBE_INSTANT = { ...INSTANT, nullable: true };
const EXPIRES_AT = ApiProperty({ ...MAYBE_INSTANT, description: 'When the access token expires; null = never.' });
const REFRESH_UNTIL = ApiProperty({
  ...MAYBE_INSTANT,
  description: 'When the refresh token expires; null if there is none.',
});

/** Written to the schema as it is, though the decorator's type knows less. */
const CLOSED = { name: 'AuthentifyDeadlines', additionalProperties: false };

/** What a cookie session gets for its refresh token; nothing more, or nobody could tell it from the other (R58). */
@ApiSchema(CLOSED)
export class DeadlinesAnswer {
  @EXPIRES_AT
  expiresAt!: string | null;

  @REFRESH_UNTIL
  refreshUntil!: string | null;
}

/** What a header session gets. */
@ApiSchema({ name: 'AuthentifyTokens' })
export class TokensAnswer {
  @ApiProperty({ type: String, description: 'The new access token.' })
  accessToken!: string;

  @ApiProperty({ type: String, nullable: true, description: 'The new refresh token; null if there is none.' })
  refreshToken!: string | null;

  @EXPIRES_AT
  expiresAt!: string | null;

  @REFRESH_UNTIL
  refreshUntil!: string | null;
}

// Decorators used as functions: the routes themselves must not know a package that the app may not have.
describe('AuthentifyRefreshRequest', RefreshBody, {
  refreshToken: ApiProperty({
    type: String,
    required: false,
    nullable: true,
    description: 'The refresh token of a header session. Leave it out where the token comes in its cookie.',
  }),
});
describe('AuthentifySession', SessionView, {
  id: ApiProperty({ type: String, format: 'uuid', description: 'Stays the same for the whole life of the session.' }),
  context: ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'What the app remembers about the session, such as the device.',
  }),
  createdAt: ApiProperty({ ...INSTANT, description: 'When the user logged in.' }),
  lastRefreshedAt: ApiProperty({ ...INSTANT, description: 'When the session was last refreshed or extended.' }),
  expiresAt: EXPIRES_AT,
  refreshUntil: REFRESH_UNTIL,
  current: ApiProperty({ type: Boolean, description: 'Whether this is the session that sent the request.' }),
});

function describe<T>(
  name: string,
  model: Type<T>,
  properties: { [key in keyof T & string]-?: PropertyDecorator },
): void {
  ApiSchema({ name })(model);
  for (const [property, decorate] of Object.entries<PropertyDecorator>(properties)) {
    decorate(model.prototype as object, property);
  }
}
