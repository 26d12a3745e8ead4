import {
  ApiExtraModels,
  ApiProperty,
  ApiResponse,
  type ApiResponseOptions,
  ApiSchema,
  getSchemaPath,
} from '@nestjs/swagger';
import type { Type } from '@nestjs/common';

/** The body of every refusal except those below, as Nest writes it. */
@ApiSchema({ name: 'AuthentifyError' })
export class ErrorAnswer {
  @ApiProperty({ type: 'integer', description: 'The HTTP status.', example: 403 })
  statusCode!: number;

  @ApiProperty({ type: String, example: 'Forbidden' })
  message!: string;

  @ApiProperty({ type: String, required: false, description: 'The name of the HTTP status.', example: 'Bad Request' })
  error?: string;

  @ApiProperty({
    type: String,
    required: false,
    description: 'The cause as a stable code, such as `cross_site_request` or `invalid_request`.',
    example: 'cross_site_request',
  })
  errorCode?: string;
}

/** The body of every 401 except the one that asks for a new login (R60). */
@ApiSchema({ name: 'AuthentifyUnauthorized' })
export class UnauthorizedAnswer {
  @ApiProperty({ type: 'integer', enum: [401] })
  statusCode!: number;

  @ApiProperty({ type: String, example: 'Unauthorized' })
  message!: string;

  @ApiProperty({ type: String, enum: ['invalid_token'] })
  errorCode!: string;
}

/** The body of the 401 that asks for a new login (RFC 9470 §3). */
@ApiSchema({ name: 'AuthentifyLoginRequired' })
export class StaleLoginAnswer {
  @ApiProperty({ type: 'integer', enum: [401] })
  statusCode!: number;

  @ApiProperty({ type: String, example: 'A more recent login is required' })
  message!: string;

  @ApiProperty({ type: String, enum: ['insufficient_user_authentication'] })
  errorCode!: string;

  @ApiProperty({ type: 'integer', description: 'The maximum age of the login, in seconds.', example: 600 })
  maxAge!: number;
}

/** One answer of an operation, with the models that its body refers to. */
export interface Answer {
  readonly options: ApiResponseOptions & { readonly status: number };
  readonly models: readonly Type[];
}

/** An answer whose body is one of these models, or a list of one. Refusals are JSON, whatever the route produces. */
export function answer(status: number, description: string, ...models: (Type | [Type])[]): Answer {
  const schemas = models.map((model) =>
    Array.isArray(model) ? { type: 'array', items: refTo(model[0]) } : refTo(model),
  );
  const schema = schemas.length > 1 ? { oneOf: schemas } : schemas[0];
  const body = schema && { content: { 'application/json': { schema } } };
  return { options: { status, description, ...body }, models: models.flat() };
}

/** A 401, with its `WWW-Authenticate` header. */
export function challenged(description: string, ...models: Type[]): Answer {
  const { options } = answer(401, description, ...models);
  const header = {
    description: 'How to authenticate (RFC 9110, section 11.6.1).',
    schema: { type: 'string', example: 'Bearer realm="api", error="invalid_token"' },
  };
  return { options: { ...options, headers: { 'WWW-Authenticate': header } }, models };
}

/** The decorators that add an answer to a controller or a handler. */
export function decoratorsOf({ options, models }: Answer): (ClassDecorator & MethodDecorator)[] {
  // A copy, because the decorator keeps its argument and writes to it.
  return [ApiResponse({ ...options }), ApiExtraModels(...models)] as (ClassDecorator & MethodDecorator)[];
}

function refTo(model: Type): { $ref: string } {
  return { $ref: getSchemaPath(model) };
}

const ANOTHER_SITE = 'A page of another site sent this request with a cookie';
const WRONG_CONTEXT = 'The context of the session does not allow this request';

/** The library's answers instead of a route's. */
export const REFUSALS = {
  unauthorized: challenged('Missing or invalid access token.', UnauthorizedAnswer),
  staleLogin: challenged(
    'Missing or invalid access token, or the user must log in again first.',
    UnauthorizedAnswer,
    StaleLoginAnswer,
  ),
  crossSite: answer(403, `${ANOTHER_SITE}.`, ErrorAnswer),
  wrongContext: answer(403, `${WRONG_CONTEXT}.`, ErrorAnswer),
  crossSiteOrWrongContext: answer(
    403,
    `${WRONG_CONTEXT}, or a page of another site sent it with a cookie.`,
    ErrorAnswer,
  ),
  unavailable: answer(503, 'The database does not answer. Try again later.', ErrorAnswer),
};
