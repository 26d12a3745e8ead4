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
import { bearer, send } from '../requests/client.js';
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
      'get /profile/terms': undefined,
      'get /profile/greeting': ANONYMOUS_TOO,
      'post /profile/picture': [COOKIE],
      'get /profile/card': EITHER,
      'get /lobby': undefined,
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
        description: expect.stringContaining('reason is not told'),
        headers: { 'WWW-Authenticate': { schema: { type: 'string' } } },
        content: { 'application/json': { schema: { $ref: '#/components/schemas/UnauthorizedAnswer' } } },
      },
    });
    const { required } = document.components!.schemas!.UnauthorizedAnswer as { required: string[] };
    expect(required.toSorted()).toEqual(Object.keys(refusal.json).toSorted());
    expect(answersOf(document, '/profile/card')).toMatchObject({ 401: { description: 'My own words' } });
    expect(Object.keys(answersOf(document, '/profile/picture', 'post')!)).toEqual(['201', '401']);
    expect(Object.keys(answersOf(document, '/report')!)).toEqual(['202', '401']);
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
    const { paths, components } = document;
    expect(paths['/auth/refresh']?.post).toMatchObject({
      summary: expect.any(String),
      requestBody: {
        required: false,
        content: { 'application/json': { schema: { $ref: '#/components/schemas/RefreshBody' } } },
      },
      responses: {
        200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/RefreshAnswer' } } } },
        400: {},
        401: {},
        403: {},
        415: {},
      },
    });
    expect(Object.keys(answersOf(document, '/auth/logout', 'post')!)).toEqual(['204', '400', '403', '415']);
    expect(Object.keys(answersOf(document, '/auth/logout-all', 'post')!)).toEqual(['204', '401', '403']);
    expect(answersOf(document, '/auth/sessions')).toMatchObject({
      200: {
        content: {
          'application/json': { schema: { type: 'array', items: { $ref: '#/components/schemas/SessionView' } } },
        },
      },
      401: {},
    });
    expect(Object.keys(answersOf(document, '/auth/sessions/{id}', 'delete')!)).toEqual(['204', '401', '403']);

    const header = await t!.tokens.generateHeaderToken(await t!.createUser());
    const [session] = (await send(`${t!.url}/auth/sessions`, { headers: bearer(header.accessToken) }))
      .json as unknown as Record<string, unknown>[];
    const propertiesOf = (name: string) =>
      Object.keys((components!.schemas![name] as { properties: object }).properties).toSorted();
    expect(propertiesOf('SessionView')).toEqual(Object.keys(session!).toSorted());
    expect(propertiesOf('RefreshAnswer')).toEqual(Object.keys(header.toJSON()).toSorted());
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
