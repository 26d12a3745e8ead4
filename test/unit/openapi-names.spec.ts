import { Controller, Get, Module, type Type, VersioningType } from '@nestjs/common';
import {
  ApiOkResponse,
  ApiProperty,
  DocumentBuilder,
  type OpenAPIObject,
  type SwaggerDocumentOptions,
  SwaggerModule,
} from '@nestjs/swagger';
import { AuthentifyModule, authTokenEntity } from 'nestjs-authentify';
import { addSessionAuth } from 'nestjs-authentify/swagger';
import { afterEach, describe, expect, it } from 'vitest';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import { Staff, StaffToken } from '../support/staff.js';
import { User } from '../support/users.js';

const METHODS = ['get', 'post', 'delete', 'put', 'patch'] as const;
const ROUTES = ['refresh', 'logout', 'logoutAll', 'logoutOthers', 'list', 'end'];
const CUSTOMERS = ROUTES.map((route) => `AuthentifySession_${route}`).toSorted();
const STAFF = ROUTES.map((route) => `AuthentifyStaffSession_${route}`).toSorted();

class SessionView {
  @ApiProperty({ type: String }) film!: string;
}
class RefreshAnswer {
  @ApiProperty({ type: String }) drink!: string;
}
class RefreshBody {
  @ApiProperty({ type: String }) wish!: string;
}
class UnauthorizedAnswer {
  @ApiProperty({ type: String }) excuse!: string;
}

/** The app's own, named as the library's classes are or were. */
@Controller('cinema')
class SessionController {
  @ApiOkResponse({ type: SessionView }) @Get('list') list(): void {}
  @ApiOkResponse({ type: RefreshAnswer }) @Get('refresh') refresh(): void {}
  @ApiOkResponse({ type: RefreshBody }) @Get('logout') logout(): void {}
  @ApiOkResponse({ type: UnauthorizedAnswer }) @Get('end') end(): void {}
}

const idsOf = ({ paths }: OpenAPIObject): string[] =>
  Object.values(paths)
    .flatMap((item) => METHODS.flatMap((method) => item[method]?.operationId ?? []))
    .toSorted();

const ours = (document: OpenAPIObject): string[] => idsOf(document).filter((id) => id.startsWith('Authentify'));

describe('the OpenAPI document of an app with two registrations', () => {
  let t: TestApp | undefined;
  afterEach(() => t?.close());

  const start = async (setup: Setup = {}): Promise<TestApp> => {
    t = await startApp({
      controllers: [SessionController],
      extras: { sessionRoutes: { path: 'auth' } },
      entities: [Staff, StaffToken],
      imports: [staffModule()],
      ...setup,
    });
    return t;
  };
  const staffModule = () =>
    AuthentifyModule.forRoot<StaffToken>({
      name: 'staff',
      tokenEntity: StaffToken,
      tokenPrefix: 'staff',
      sessionRoutes: { path: 'staff/auth' },
    });
  const documentOf = ({ app }: TestApp, options: SwaggerDocumentOptions = {}, registration?: string): OpenAPIObject =>
    SwaggerModule.createDocument(app, addSessionAuth(app, new DocumentBuilder(), registration).build(), options);

  it('names every operation once, by its user type', async () => {
    const ids = idsOf(documentOf(await start()));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => id.startsWith('Authentify'))).toEqual([...CUSTOMERS, ...STAFF]);
  });

  it('replaces no schema and no operation of the app’s', async () => {
    const { components, paths } = documentOf(await start());
    for (const [name, property] of [
      ['SessionView', 'film'],
      ['RefreshAnswer', 'drink'],
      ['RefreshBody', 'wish'],
      ['UnauthorizedAnswer', 'excuse'],
    ] as const) {
      expect(Object.keys((components!.schemas![name] as { properties: object }).properties)).toEqual([property]);
    }
    expect(paths['/cinema/list']?.get?.operationId).toBe('SessionController_list');
    const others = Object.keys(components?.schemas ?? {}).filter((name) => name.startsWith('Authentify'));
    expect(others.toSorted()).toEqual([
      'AuthentifyDeadlines',
      'AuthentifyError',
      'AuthentifyRefreshRequest',
      'AuthentifySession',
      'AuthentifyTokens',
      'AuthentifyUnauthorized',
    ]);
  });

  it.each<[string, SwaggerDocumentOptions]>([
    ['takes the method alone', { operationIdFactory: (_controller, method) => method }],
    [
      'drops the word Controller',
      { operationIdFactory: (controller, method) => `${controller.replace('Controller', '')}_${method}` },
    ],
    ['says the same of all', { operationIdFactory: () => 'operation' }],
  ])('names them the same where the app’s operationIdFactory %s', async (_, options) => {
    expect(ours(documentOf(await start(), options))).toEqual([...CUSTOMERS, ...STAFF]);
  });

  it('names them the same behind a prefix and beside versions', async () => {
    await start({
      configure: (app) =>
        app.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI, defaultVersion: ['1', '2'] }),
    });
    const document = documentOf(t!);
    expect(ours(document)).toEqual([...CUSTOMERS, ...STAFF]);
    expect(document.paths['/api/staff/auth/refresh']?.post?.operationId).toBe('AuthentifyStaffSession_refresh');
    const ids = idsOf(document);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('may be several documents, each with what it needs', async () => {
    const staff = staffModule();
    @Module({ imports: [staff] })
    class StaffModule {}
    await start({ imports: [StaffModule] });
    const all = documentOf(t!, { include: [AuthentifyModule as Type] });
    expect(ours(all)).toEqual([...CUSTOMERS, ...STAFF]);
    expect(all.paths['/cinema/list']).toBeUndefined();
    const deep = documentOf(t!, { include: [StaffModule], deepScanRoutes: true }, 'staff');
    expect(Object.keys(deep.components?.securitySchemes ?? {})).toEqual([
      'authentify-header-staff',
      'authentify-cookie-staff',
    ]);
    expect(documentOf(t!, { include: [AuthentifyModule as Type] })).toEqual(all);
  });

  it('spells a name of several words as one', async () => {
    await start({
      entities: [authTokenEntity(() => User, 'back_office')],
      imports: [],
      extras: { name: 'back_office', sessionRoutes: { path: 'back' } },
    });
    const document = documentOf(t!);
    expect(ours(document)).toEqual(ROUTES.map((route) => `AuthentifyBackOfficeSession_${route}`).toSorted());
    expect(Object.keys(document.components?.securitySchemes ?? {})).toEqual([
      'authentify-header-back_office',
      'authentify-cookie-back_office',
    ]);
  });
});
