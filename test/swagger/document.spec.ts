import SwaggerParser from '@apidevtools/swagger-parser';
import { Controller, Get, HttpCode, Post, UseGuards } from '@nestjs/common';
import { ApiUnauthorizedResponse, DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import {
  AuthentifyGuard,
  AuthentifyModule,
  AuthType,
  CookieAuthGuard,
  CurrentUser,
  GuardFor,
  OptionalAuth,
  Public,
} from 'nestjs-authentify';
import { addSessionAuth, ApiAuthentify } from 'nestjs-authentify/swagger';
import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, bearer, send } from '../requests/client.js';
import { cookiesOf, JSON_TYPE, sessionClient } from '../session-routes/client.js';
import { ADAPTERS, type Setup, startApp, type TestApp } from '../support/app.js';
import { Staff, StaffToken } from '../support/staff.js';

const HEADER = { 'authentify-header': [] };
const COOKIE = { 'authentify-cookie': [] };
const EITHER = [HEADER, COOKIE];
const ANONYMOUS_TOO = [{}, ...EITHER];

@ApiAuthentify()
@UseGuards(AuthentifyGuard)
@Controller('profile')
class ProfileController {
  @Get()
  show(@CurrentUser('email') email: string): object {
    return { email };
  }

  @Get('terms')
  @Public()
  terms(): object {
    return {};
  }

  @Get('greeting')
  @OptionalAuth()
  greeting(): object {
    return {};
  }

  @ApiAuthentify({ via: AuthType.COOKIE })
  @UseGuards(CookieAuthGuard)
  @Post('picture')
  picture(): object {
    return {};
  }

  @Get('card')
  @ApiUnauthorizedResponse({ description: 'My own words' })
  card(): object {
    return {};
  }
}

@ApiAuthentify()
@Public()
@Controller('lobby')
class LobbyController {
  @Get()
  lobby(): object {
    return {};
  }
}

@Controller('report')
class ReportController {
  @ApiAuthentify({ via: AuthType.HEADER })
  @UseGuards(AuthentifyGuard)
  @HttpCode(202)
  @Get()
  report(): object {
    return {};
  }

  @Get('public')
  open(): object {
    return {};
  }
}

@Controller('staff')
class StaffController {
  @ApiAuthentify({ registration: 'staff' })
  @UseGuards(GuardFor('staff'))
  @Get()
  show(): object {
    return {};
  }
}

const documentOf = ({ app }: TestApp, ...registrations: string[]): OpenAPIObject => {
  const builder = addSessionAuth(app, new DocumentBuilder().setTitle('App').setVersion('1.0.0'));
  for (const registration of registrations) addSessionAuth(app, builder, registration);
  return SwaggerModule.createDocument(app, builder.build());
};

/** What every operation asks for. */
const securityOf = ({ paths }: OpenAPIObject): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(paths).flatMap(([path, item]) =>
      (['get', 'post', 'delete'] as const).flatMap((method) =>
        item[method] ? [[`${method} ${path}`, item[method].security]] : [],
      ),
    ),
  );

const answersOf = ({ paths }: OpenAPIObject, path: string, method: 'get' | 'post' | 'delete' = 'get') =>
  paths[path]?.[method]?.responses;

type ResponseObject = { content?: Record<string, { schema: object }> };
type Schema = {
  $ref?: string;
  oneOf?: Schema[];
  items?: Schema;
  properties?: Record<string, object>;
  required?: string[];
};

/** Where a body is not as a schema has it: members that are missing, and members it does not know. */
function faultsOf(document: OpenAPIObject, schema: Schema, body: unknown): string[] {
  if (schema.$ref !== undefined) {
    const model = document.components?.schemas?.[schema.$ref.split('/').at(-1)!] as Schema;
    return faultsOf(document, model, body);
  }
  if (schema.oneOf) {
    const fitting = schema.oneOf.filter((one) => faultsOf(document, one, body).length === 0);
    return fitting.length === 1 ? [] : [`fits ${fitting.length} of oneOf`];
  }
  const { items } = schema;
  if (items) return (body as unknown[]).flatMap((one) => faultsOf(document, items, one));
  const members = Object.keys(body as object);
  const missing = (schema.required ?? []).filter((name) => !members.includes(name));
  const unknown = members.filter((name) => !(name in (schema.properties ?? {})));
  return [...missing.map((name) => `no ${name}`), ...unknown.map((name) => `unknown ${name}`)];
}

describe.each(ADAPTERS)('the OpenAPI document of an app on %s', (adapter) => {
  let t: TestApp | undefined;
  afterEach(() => t?.close());

  const start = async (setup: Setup = {}): Promise<TestApp> => {
    t = await startApp({ adapter, controllers: [ProfileController, LobbyController, ReportController], ...setup });
    return t;
  };

  it('has a scheme for each transport, with the names that the app gave them', async () => {
    await start();
    expect(documentOf(t!).components?.securitySchemes).toMatchObject({
      'authentify-header': { type: 'http', scheme: 'bearer' },
      'authentify-cookie': { type: 'apiKey', in: 'cookie', name: '__Host-token' },
    });
    await t!.close();
    await start({ options: { authHeaderPrefixes: ['Token', 'Key'], authCookieNames: ['__Host-sid', 'token'] } });
    expect(documentOf(t!).components?.securitySchemes).toMatchObject({
      'authentify-header': { type: 'apiKey', in: 'header', name: 'Authorization', description: 'Token <access token>' },
      'authentify-cookie': { type: 'apiKey', in: 'cookie', name: '__Host-sid' },
    });
  });

  it('says of each route what it asks for', async () => {
    await start();
    expect(securityOf(documentOf(t!))).toEqual({
      'get /profile': EITHER,
      'get /profile/terms': [],
      'get /profile/greeting': ANONYMOUS_TOO,
      'post /profile/picture': [COOKIE],
      'get /profile/card': EITHER,
      'get /lobby': [],
      'get /report': [HEADER],
      'get /report/public': undefined,
    });
  });

  it('describes the 401 as it is sent, and leaves a description of the app’s alone', async () => {
    await start();
    const document = documentOf(t!);
    const refusal = await send(`${t!.url}/profile`, { headers: bearer('bad') });
    expect(answersOf(document, '/profile')).toMatchObject({
      200: {},
      401: {
        description: 'Missing or invalid access token.',
        headers: { 'WWW-Authenticate': { schema: { type: 'string' } } },
        content: { 'application/json': { schema: { $ref: '#/components/schemas/AuthentifyUnauthorized' } } },
      },
    });
    const { required } = document.components!.schemas!.AuthentifyUnauthorized as { required: string[] };
    expect(required.toSorted()).toEqual(Object.keys(refusal.json).toSorted());
    expect(answersOf(document, '/profile/card')).toMatchObject({ 401: { description: 'My own words' } });
    expect(Object.keys(answersOf(document, '/profile/picture', 'post')!)).toEqual(['201', '401', '403', '503']);
    expect(Object.keys(answersOf(document, '/report')!)).toEqual(['202', '401', '503']);
    for (const open of ['/profile/terms', '/lobby', '/report/public']) {
      expect(Object.keys(answersOf(document, open)!)).toEqual(['200']);
    }
  });

  it('describes the session routes', async () => {
    await start({ extras: { sessionRoutes: { path: 'auth' } }, controllers: [] });
    const document = documentOf(t!);
    expect(securityOf(document)).toEqual({
      'post /auth/refresh': [...EITHER, {}],
      'post /auth/logout': [...EITHER, {}],
      'post /auth/logout-all': EITHER,
      'post /auth/logout-others': EITHER,
      'get /auth/sessions': EITHER,
      'delete /auth/sessions/{id}': EITHER,
    });
    const answers = Object.fromEntries(
      Object.entries(document.paths).flatMap(([path, item]) =>
        Object.entries(item).map(([method, { responses }]) => [
          `${method} ${path}`,
          Object.keys((responses ?? {}) as object).join(' '),
        ]),
      ),
    );
    expect(answers).toEqual({
      'post /auth/refresh': '200 400 401 403 415 500 503',
      'post /auth/logout': '204 400 403 415 500 503',
      'post /auth/logout-all': '204 401 403 503',
      'post /auth/logout-others': '204 401 403 503',
      'get /auth/sessions': '200 400 401 503',
      'delete /auth/sessions/{id}': '204 401 403 503',
    });
    expect(document.paths['/auth/refresh']?.post?.requestBody).toMatchObject({ required: false });
    expect(document.components?.schemas).toMatchObject({
      AuthentifyTokens: {
        properties: { refreshToken: { nullable: true } },
        required: ['accessToken', 'refreshToken', 'expiresAt', 'refreshUntil'],
      },
      AuthentifyDeadlines: { required: ['expiresAt', 'refreshUntil'], additionalProperties: false },
    });
  });

  it('says of the session routes what they really answer', async () => {
    await start({ extras: { sessionRoutes: { path: 'auth' } }, controllers: [] });
    t!.app.useLogger(false);
    const document = documentOf(t!);
    const routes = sessionClient(`${t!.url}/auth`);
    const user = await t!.createUser();
    const [header, cookie] = [await t!.tokens.generateHeaderToken(user), await t!.tokens.generateCookieToken(user)];
    const byHeader = { headers: bearer(header.accessToken) };
    const foreign = { headers: { ...cookiesOf(cookie), 'Sec-Fetch-Site': 'cross-site' } };
    const form = { headers: { 'Content-Type': 'text/plain' }, body: 'refreshToken=x' };
    const malformed = { headers: JSON_TYPE, body: '{' };
    const expectAsDocumented = (method: 'get' | 'post' | 'delete', path: string, status: number, answer: Answer) => {
      expect([path, answer.status]).toEqual([path, status]);
      const response = answersOf(document, `/auth/${path}`, method)?.[status] as ResponseObject | undefined;
      const schema = response?.content?.['application/json']?.schema;
      expect([path, status, schema ? faultsOf(document, schema, answer.json) : answer.text]).toEqual([
        path,
        status,
        schema ? [] : '',
      ]);
    };

    const next = await routes.refresh(header.refreshToken);
    expectAsDocumented('post', 'refresh', 200, next);
    byHeader.headers = bearer(next.json.accessToken as string);
    expectAsDocumented('post', 'refresh', 200, await routes.refreshByCookie(cookie));
    expectAsDocumented('get', 'sessions', 200, await routes.call('GET', 'sessions', byHeader));
    expectAsDocumented('delete', 'sessions/{id}', 204, await routes.call('DELETE', 'sessions/x', byHeader));

    for (const path of ['refresh', 'logout']) {
      expectAsDocumented('post', path, 400, await routes.call('POST', path, malformed));
      expectAsDocumented(
        'post',
        path,
        400,
        await routes.call('POST', path, { ...malformed, body: '{"refreshToken":5}' }),
      );
      expectAsDocumented('post', path, 403, await routes.call('POST', path, foreign));
    }
    for (const path of ['refresh', 'logout']) {
      expectAsDocumented('post', path, 415, await routes.call('POST', path, form));
    }
    expectAsDocumented('post', 'refresh', 401, await routes.refresh('bad'));
    expectAsDocumented('get', 'sessions', 401, await routes.call('GET', 'sessions'));
    expectAsDocumented('post', 'logout-all', 401, await routes.call('POST', 'logout-all'));
    expectAsDocumented('post', 'logout-all', 403, await routes.call('POST', 'logout-all', foreign));

    await t!.dataSource.destroy();
    expectAsDocumented('get', 'sessions', 503, await routes.call('GET', 'sessions', byHeader));
    expectAsDocumented('post', 'logout', 503, await routes.call('POST', 'logout', byHeader));
    await t!.dataSource.initialize();
  });

  it('can be made twice, and is the same', async () => {
    await start({ extras: { sessionRoutes: { path: 'auth' } } });
    expect(documentOf(t!)).toEqual(documentOf(t!));
  });

  it('tells several user types apart', async () => {
    await start({
      controllers: [ProfileController, StaffController],
      extras: { sessionRoutes: { path: 'auth' } },
      entities: [Staff, StaffToken],
      imports: [
        AuthentifyModule.forRoot<StaffToken>({
          name: 'staff',
          tokenEntity: StaffToken,
          tokenPrefix: 'staff',
          sessionRoutes: { path: 'staff/auth' },
        }),
      ],
    });
    const document = documentOf(t!, 'staff');
    expect(document.components?.securitySchemes).toMatchObject({
      'authentify-cookie': { name: '__Host-token' },
      'authentify-header-staff': { scheme: 'bearer' },
      'authentify-cookie-staff': { name: '__Host-staff-token' },
    });
    const staff = [{ 'authentify-header-staff': [] }, { 'authentify-cookie-staff': [] }];
    expect(securityOf(document)).toMatchObject({
      'get /profile': EITHER,
      'get /staff': staff,
      'get /auth/sessions': EITHER,
      'get /staff/auth/sessions': staff,
    });
  });

  it('is valid', async () => {
    await start({ extras: { sessionRoutes: { path: 'auth' } } });
    const document = structuredClone(documentOf(t!));
    await expect(SwaggerParser.validate(document as never)).resolves.toBeDefined();
    const used = Object.values(securityOf(document)).flatMap((security) =>
      ((security ?? []) as object[]).flatMap((requirement) => Object.keys(requirement)),
    );
    const known = Object.keys(document.components?.securitySchemes ?? {});
    expect([...new Set(used)].filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe('addSessionAuth', () => {
  it('says when there is no such registration', async () => {
    const t = await startApp();
    try {
      expect(() => addSessionAuth(t.app, new DocumentBuilder(), 'staff')).toThrow(/staff/);
    } finally {
      await t.close();
    }
  });
});
