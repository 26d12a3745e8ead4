import type { Type } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiParam, ApiProperty, ApiQuery, ApiSchema, ApiSecurity } from '@nestjs/swagger';
import { UNNAMED } from '../module-extras.js';
import { sessionTag } from '../session-routes/session-controller.js';
import { SessionRoutes } from '../session-routes/session-routes.js';
import { RefreshBody, SessionView } from '../session-routes/session-views.js';
import { type Answer, answer, challenged, decoratorsOf, ErrorAnswer, REFUSALS, UnauthorizedAnswer } from './answers.js';
import { requirementsOf } from './route-access.js';

const INSTANT = { type: String, format: 'date-time' };
const MAYBE_INSTANT = { ...INSTANT, nullable: true };
const EXPIRES_AT = ApiProperty({
  ...MAYBE_INSTANT,
  description: 'When the access token expires; null if it never expires.',
});
const REFRESH_UNTIL = ApiProperty({
  ...MAYBE_INSTANT,
  description: 'When the refresh token expires; null if there is none.',
});

/** `additionalProperties` reaches the schema, although the type of the decorator does not have it. */
const CLOSED = { name: 'AuthentifyDeadlines', additionalProperties: false };

/** The answer to a cookie session's refresh; with no other property, or nobody could tell it from the other (R58). */
@ApiSchema(CLOSED)
class DeadlinesAnswer {
  @EXPIRES_AT
  expiresAt!: string | null;

  @REFRESH_UNTIL
  refreshUntil!: string | null;
}

/** The answer to a header session's refresh. */
@ApiSchema({ name: 'AuthentifyTokens' })
class TokensAnswer {
  @ApiProperty({ type: String, description: 'The new access token.' })
  accessToken!: string;

  @ApiProperty({ type: String, nullable: true, description: 'The new refresh token; null if there is none.' })
  refreshToken!: string | null;

  @EXPIRES_AT
  expiresAt!: string | null;

  @REFRESH_UNTIL
  refreshUntil!: string | null;
}

// Decorators called as functions, because the routes must not import a package that the app may not have.
describe('AuthentifyRefreshRequest', RefreshBody, {
  refreshToken: ApiProperty({
    type: String,
    required: false,
    nullable: true,
    description: 'The refresh token of a header session. Omit it if the token is in a cookie.',
  }),
});
describe('AuthentifySession', SessionView, {
  id: ApiProperty({ type: String, format: 'uuid', description: 'Id of the session; never changes.' }),
  context: ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'Data that the app stores with the session, such as the device.',
  }),
  createdAt: ApiProperty({ ...INSTANT, description: 'When the user logged in.' }),
  lastRefreshedAt: ApiProperty({ ...INSTANT, description: 'When the session was last refreshed or extended.' }),
  expiresAt: EXPIRES_AT,
  refreshUntil: REFRESH_UNTIL,
  current: ApiProperty({ type: Boolean, description: 'Whether this is the session that sent the request.' }),
});

const BODY = ApiBody({ type: RefreshBody, required: false });
const BAD_BODY = answer(400, 'The body is malformed, or `refreshToken` is not a string.', ErrorAnswer);
const NOT_JSON = answer(415, 'The body is not JSON.', ErrorAnswer);
const NOT_PARSED = answer(500, 'The app does not parse JSON bodies.', ErrorAnswer);
const { unauthorized, crossSite, unavailable } = REFUSALS;

/** The description of one of the session routes. */
interface Operation {
  summary: string;
  description: string;
  /** Whether the route needs no access token: refresh and logout accept a refresh token instead. */
  isOpen?: boolean;
  parameters?: MethodDecorator[];
  answers: Answer[];
}

const OPERATIONS: Record<string, Operation> = {
  refresh: {
    summary: 'Exchange a refresh token for new tokens',
    description:
      'A header session sends its refresh token as JSON and gets the new tokens in the body. A cookie session sends no ' +
      'body: its refresh token comes in the cookie, and the new tokens are set as cookies. The old tokens stop working.',
    isOpen: true,
    parameters: [BODY],
    answers: [
      withCookies(
        answer(
          200,
          'Header session: the new tokens. Cookie session: when the tokens in its new cookies expire.',
          TokensAnswer,
          DeadlinesAnswer,
        ),
        'The new tokens of a cookie session.',
      ),
      BAD_BODY,
      challenged('Missing or invalid refresh token.', UnauthorizedAnswer),
      crossSite,
      NOT_JSON,
      NOT_PARSED,
      unavailable,
    ],
  },
  logout: {
    summary: 'Log out: end this session',
    description:
      'Accepts the access token, even an expired one, or the refresh token: as JSON, in the header or in a cookie. The ' +
      'answer is the same if the token no longer belongs to a session.',
    isOpen: true,
    parameters: [BODY],
    answers: [
      withCookies(answer(204, 'The session has ended.'), 'Clears the cookies of a cookie session.'),
      BAD_BODY,
      crossSite,
      NOT_JSON,
      NOT_PARSED,
      unavailable,
    ],
  },
  logoutAll: {
    summary: 'End all sessions of the user',
    description: 'Logs the user out on every device, including this one.',
    answers: [
      withCookies(
        answer(204, 'All sessions of the user have ended, including this one.'),
        'Clears the cookies of a cookie session.',
      ),
      unauthorized,
      crossSite,
      unavailable,
    ],
  },
  logoutOthers: {
    summary: 'End all other sessions of the user',
    description: 'Logs the user out on every device except this one.',
    answers: [answer(204, 'All other sessions of the user have ended.'), unauthorized, crossSite, unavailable],
  },
  list: {
    summary: 'List the sessions of the user',
    description: 'Lists where the user is logged in, newest session first, at most 100 sessions.',
    parameters: [
      ApiQuery({
        name: 'limit',
        required: false,
        description: 'Maximum number of sessions.',
        schema: { type: 'integer', minimum: 1, maximum: 100, default: 100 },
      }),
      ApiQuery({
        name: 'before',
        required: false,
        description: 'List only sessions older than this one: the last id of the previous page.',
        schema: { type: 'string', format: 'uuid' },
      }),
    ],
    answers: [
      answer(200, 'The sessions that can still be used.', [SessionView]),
      answer(400, '`limit` or `before` is malformed or out of range.', ErrorAnswer),
      unauthorized,
      unavailable,
    ],
  },
  end: {
    summary: 'End one session of the user',
    description: 'Logs the user out on one device.',
    parameters: [ApiParam({ name: 'id', type: String, description: 'Session id, as listed by GET sessions.' })],
    answers: [
      answer(
        204,
        'The session has ended. The answer is the same for a malformed or unknown id, or one of another user.',
      ),
      unauthorized,
      crossSite,
      unavailable,
    ],
  },
};

/** Controllers that are documented already, so that several documents of one app add nothing twice. */
const documented = new WeakSet<Type>();

/** Documents a controller if it has the session routes of a registration. */
export function documentSessionRoutes(controller: Type, registration: string): void {
  const { prototype } = controller as Type<object>;
  if (!(prototype instanceof SessionRoutes) || documented.has(controller)) return;
  documented.add(controller);
  const requirements = requirementsOf(registration);
  for (const [name, { summary, description, isOpen, parameters = [], answers }] of Object.entries(OPERATIONS)) {
    const decorators = [
      ApiOperation({
        // Explicit, because the `operationIdFactory` of an app may ignore the controller.
        operationId: `${sessionTag(registration === UNNAMED ? undefined : registration)}_${name}`,
        summary,
        description,
      }),
      ...[...requirements, ...(isOpen === true ? [{}] : [])].map((one) => ApiSecurity(one)),
      ...parameters,
      ...answers.flatMap(decoratorsOf),
    ];
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name)!;
    for (const decorate of decorators) decorate(prototype, name, descriptor);
  }
}

function withCookies({ options, models }: Answer, description: string): Answer {
  const headers = { 'Set-Cookie': { description, schema: { type: 'string' } } };
  return { options: { ...options, headers }, models };
}

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
