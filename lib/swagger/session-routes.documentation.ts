import {
  ApiBadRequestResponse,
  ApiBody,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProperty,
  ApiSecurity,
  ApiUnsupportedMediaTypeResponse,
} from '@nestjs/swagger';
import { SessionRoutes } from '../session-routes/session-routes.js';
import { RefreshAnswer, RefreshBody, SessionView } from '../session-routes/session-views.js';
import { OwnSiteOnly, Refused } from './answers.js';

const INSTANT = { type: String, format: 'date-time' };
const MAYBE_INSTANT = { ...INSTANT, nullable: true };

/** A refresh token is no access token, so refresh and logout do without one. */
const NO_ACCESS_TOKEN_NEEDED = ApiSecurity({});

// Decorators used as functions, and once: the routes themselves must not know a package that the app may not have.
describe(RefreshBody, {
  refreshToken: ApiProperty({
    type: String,
    required: false,
    description: 'Absent where the refresh token comes in its cookie.',
  }),
});
describe(RefreshAnswer, {
  accessToken: ApiProperty({ type: String, required: false, description: 'Absent where the tokens are in cookies.' }),
  refreshToken: ApiProperty({ type: String, required: false, nullable: true }),
  expiresAt: ApiProperty({ ...MAYBE_INSTANT, description: 'When the access token dies; null = never.' }),
  refreshUntil: ApiProperty({ ...MAYBE_INSTANT, description: 'Until when the refresh token is good.' }),
});
describe(SessionView, {
  id: ApiProperty({ type: String, format: 'uuid' }),
  context: ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'What the app knows of the device.',
  }),
  createdAt: ApiProperty(INSTANT),
  lastRefreshedAt: ApiProperty(INSTANT),
  expiresAt: ApiProperty(MAYBE_INSTANT),
  refreshUntil: ApiProperty(MAYBE_INSTANT),
  current: ApiProperty({ type: Boolean, description: 'Whether it is the session that asks.' }),
});

const REFRESH_BODY = ApiBody({ type: RefreshBody, required: false });
const BAD_FIELD = ApiBadRequestResponse({ description: 'refreshToken is not a string.' });
const NOT_JSON = ApiUnsupportedMediaTypeResponse({ description: 'The body is not JSON.' });

document('refresh', [
  ApiOperation({
    summary: 'Exchange a refresh token for the next pair',
    description:
      'Send the refresh token as JSON, and the tokens are in the answer. Or send nothing but its cookie, and the new ' +
      'tokens are in cookies only.',
  }),
  NO_ACCESS_TOKEN_NEEDED,
  REFRESH_BODY,
  ApiOkResponse({ type: RefreshAnswer }),
  BAD_FIELD,
  Refused(),
  OwnSiteOnly(),
  NOT_JSON,
]);
document('logout', [
  ApiOperation({
    summary: 'End this session',
    description:
      'Takes the access token, also one that has run out, or the refresh token: as JSON, in the header or in its cookie. ' +
      'The same answer for a token that names no session any more.',
  }),
  NO_ACCESS_TOKEN_NEEDED,
  REFRESH_BODY,
  ApiNoContentResponse({ description: 'The session has ended, now or before.' }),
  BAD_FIELD,
  OwnSiteOnly(),
  NOT_JSON,
]);
document('logoutAll', [
  ApiOperation({ summary: 'End all sessions of the user' }),
  ApiNoContentResponse({ description: 'They have ended, this one too.' }),
  Refused(),
  OwnSiteOnly(),
]);
document('logoutOthers', [
  ApiOperation({ summary: 'End all sessions of the user but this one' }),
  ApiNoContentResponse({ description: 'They have ended.' }),
  Refused(),
  OwnSiteOnly(),
]);
document('list', [
  ApiOperation({ summary: 'List where the user is logged in, newest first' }),
  ApiOkResponse({ type: SessionView, isArray: true }),
  Refused(),
]);
document('end', [
  ApiOperation({ summary: 'End one of the user’s sessions' }),
  ApiParam({ name: 'id', type: String, description: 'Of the list.' }),
  ApiNoContentResponse({ description: 'It has ended; the same for an unknown, foreign or malformed id.' }),
  Refused(),
  OwnSiteOnly(),
]);

function describe<T>(model: { prototype: T }, properties: { [key in keyof T & string]-?: PropertyDecorator }): void {
  for (const [name, decorate] of Object.entries<PropertyDecorator>(properties))
    decorate(model.prototype as object, name);
}

function document(route: string, decorators: MethodDecorator[]): void {
  const descriptor = Object.getOwnPropertyDescriptor(SessionRoutes.prototype, route)!;
  for (const decorate of decorators) decorate(SessionRoutes.prototype, route, descriptor);
}
