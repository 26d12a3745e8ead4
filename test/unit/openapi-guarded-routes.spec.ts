import { Controller, Delete, Get, type INestApplication, Post, type Type, UseGuards } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiExcludeEndpoint,
  ApiForbiddenResponse,
  ApiOkResponse,
  ApiProduces,
  ApiProperty,
  ApiSecurity,
  DocumentBuilder,
  type OpenAPIObject,
  SwaggerModule,
} from '@nestjs/swagger';
import {
  AuthentifyGuard,
  AuthentifyModule,
  CookieAuthGuard,
  GuardFor,
  HeaderAuthGuard,
  OptionalAuth,
  Public,
  RequireContext,
  RequireFresh,
} from 'nestjs-authentify';
import { addSessionAuth, ApiAuthentify } from 'nestjs-authentify/swagger';
import { afterEach, describe, expect, it } from 'vitest';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import { Staff, StaffToken } from '../support/staff.js';

const HEADER = { 'authentify-header': [] };
const COOKIE = { 'authentify-cookie': [] };
const STAFF = [{ 'authentify-header-staff': [] }, { 'authentify-cookie-staff': [] }];

const documentOf = (app: INestApplication, builder = new DocumentBuilder()): OpenAPIObject =>
  SwaggerModule.createDocument(app, addSessionAuth(app, builder).build());

/** What a document says of one operation: what it asks for, and its answers. */
const operation = ({ paths }: OpenAPIObject, path: string, method: 'get' | 'post' | 'delete' = 'get') => {
  const { security, responses = {} } = paths[path]?.[method] ?? {};
  return [security, Object.keys(responses)];
};

const schemaOf = ({ paths }: OpenAPIObject, path: string, status: number, method: 'get' | 'post' = 'get') => {
  const response = paths[path]?.[method]?.responses[status] as { content?: Record<string, { schema: object }> };
  return Object.entries(response.content ?? {}).map(([type, { schema }]) => [type, schema]);
};
const refTo = (name: string) => ({ $ref: `#/components/schemas/${name}` });

class Report {
  @ApiProperty({ type: String }) title!: string;
}

class HouseGuard extends HeaderAuthGuard {}
class StaffGuard extends GuardFor('staff') {}
class StaffCookieGuard extends GuardFor('staff', CookieAuthGuard) {}
class AppsOwnGuard {
  canActivate(): boolean {
    return true;
  }
}

describe('a guarded route in the OpenAPI document, without a decorator', () => {
  let t: TestApp | undefined;
  afterEach(() => t?.close());

  const start = async (controllers: Type[], setup: Setup = {}): Promise<OpenAPIObject> => {
    t = await startApp({ controllers, ...setup });
    return documentOf(t.app);
  };
  const withStaff = (): Setup => ({
    entities: [Staff, StaffToken],
    imports: [AuthentifyModule.forRoot<StaffToken>({ name: 'staff', tokenEntity: StaffToken, tokenPrefix: 'staff' })],
  });

  it('says which transport its guard takes, on the handler or on the controller', async () => {
    @Controller('one')
    class OneController {
      @UseGuards(HeaderAuthGuard) @Get('header') header(): void {}
      @UseGuards(CookieAuthGuard) @Get('cookie') cookie(): void {}
      @UseGuards(AuthentifyGuard) @Get('either') either(): void {}
      @UseGuards(HouseGuard) @Get('extended') extended(): void {}
      @Get('open') open(): void {}
      @UseGuards(AppsOwnGuard) @Get('foreign') foreign(): void {}
    }
    @UseGuards(CookieAuthGuard)
    @Controller('all')
    class AllController {
      @Get() all(): void {}
      @UseGuards(AppsOwnGuard) @Get('more') more(): void {}
    }
    const document = await start([OneController, AllController]);
    const refused = ['200', '401', '503'];
    expect(operation(document, '/one/header')).toEqual([[HEADER], refused]);
    expect(operation(document, '/one/cookie')).toEqual([[COOKIE], refused]);
    expect(operation(document, '/one/either')).toEqual([[HEADER, COOKIE], refused]);
    expect(operation(document, '/one/extended')).toEqual([[HEADER], refused]);
    expect(operation(document, '/all')).toEqual([[COOKIE], refused]);
    expect(operation(document, '/all/more')).toEqual([[COOKIE], refused]);
    // Nobody but the app knows who may come here.
    expect(operation(document, '/one/open')).toEqual([undefined, ['200']]);
    expect(operation(document, '/one/foreign')).toEqual([undefined, ['200']]);
  });

  it('asks for the scheme of the registration that GuardFor names', async () => {
    @UseGuards(StaffGuard)
    @Controller('staff')
    class StaffController {
      @Get() list(): void {}
      @UseGuards(StaffCookieGuard) @Get('cookie') cookie(): void {}
      @UseGuards(AuthentifyGuard) @Get('both') both(): void {}
    }
    const document = await start([StaffController], withStaff());
    expect(operation(document, '/staff')[0]).toEqual(STAFF);
    expect(operation(document, '/staff/cookie')[0]).toEqual([STAFF[1]]);
    expect(operation(document, '/staff/both')[0]).toHaveLength(4);
    expect(operation(document, '/staff/both')[0]).toContainEqual({ ...HEADER, ...STAFF[0] });
    expect(Object.keys(document.components?.securitySchemes ?? {})).toEqual([
      'authentify-header',
      'authentify-cookie',
      'authentify-header-staff',
      'authentify-cookie-staff',
    ]);
  });

  it('is known with guardAllRoutes too, and steps back before a guard that the route names', async () => {
    @Controller('shop')
    class ShopController {
      @Get() list(): void {}
      @Public() @Get('open') open(): void {}
      @OptionalAuth() @Get('maybe') maybe(): void {}
      @UseGuards(StaffGuard) @Get('staff') staff(): void {}
    }
    const document = await start([ShopController], { ...withStaff(), extras: { guardAllRoutes: true } });
    expect(operation(document, '/shop')).toEqual([
      [HEADER, COOKIE],
      ['200', '401', '503'],
    ]);
    expect(operation(document, '/shop/open')).toEqual([[], ['200']]);
    expect(operation(document, '/shop/maybe')).toEqual([
      [{}, HEADER, COOKIE],
      ['200', '401', '503'],
    ]);
    expect(operation(document, '/shop/staff')[0]).toEqual(STAFF);
  });

  it('is known where the app made one of the guards global', async () => {
    @Controller('plain')
    class PlainController {
      @Get() plain(): void {}
      @Public() @Get('open') open(): void {}
    }
    t = await startApp({
      controllers: [PlainController],
      configure: (app) => app.useGlobalGuards(app.get(HeaderAuthGuard)),
    });
    const document = documentOf(t.app);
    expect(operation(document, '/plain')[0]).toEqual([HEADER]);
    expect(operation(document, '/plain/open')[0]).toEqual([]);
  });

  it('follows the nearest mark', async () => {
    @Public()
    @Controller('lobby')
    class LobbyController {
      @Get() lobby(): void {}
      @UseGuards(HeaderAuthGuard) @Get('safe') safe(): void {}
    }
    @UseGuards(HeaderAuthGuard)
    @Controller('office')
    class OfficeController {
      @Get() office(): void {}
      @Public() @Get('door') door(): void {}
      @OptionalAuth() @Get('hall') hall(): void {}
    }
    const document = await start([LobbyController, OfficeController]);
    expect(operation(document, '/lobby')).toEqual([[], ['200']]);
    expect(operation(document, '/lobby/safe')).toEqual([[HEADER], ['200', '401', '503']]);
    expect(operation(document, '/office')).toEqual([[HEADER], ['200', '401', '503']]);
    expect(operation(document, '/office/door')).toEqual([[], ['200']]);
    expect(operation(document, '/office/hall')).toEqual([
      [{}, HEADER],
      ['200', '401', '503'],
    ]);
  });

  it('that is inherited asks for what each of its controllers asks for', async () => {
    abstract class CrudController {
      @Get() list(): void {}
      @Post() create(): void {}
    }
    @UseGuards(HeaderAuthGuard)
    @Controller('books')
    class BooksController extends CrudController {}
    @UseGuards(CookieAuthGuard)
    @Controller('loans')
    class LoansController extends CrudController {}
    @Public()
    @Controller('news')
    class NewsController extends CrudController {}
    @Public()
    @Controller('samples')
    class SamplesController extends BooksController {}
    const document = await start([BooksController, LoansController, NewsController, SamplesController]);
    expect(operation(document, '/books')).toEqual([[HEADER], ['200', '401', '503']]);
    expect(operation(document, '/loans')).toEqual([[COOKIE], ['200', '401', '503']]);
    expect(operation(document, '/loans', 'post')).toEqual([[COOKIE], ['201', '401', '403', '503']]);
    expect(operation(document, '/news')).toEqual([[], ['200']]);
    expect(operation(document, '/samples')).toEqual([[], ['200']]);
  });

  it('answers 403 where a cookie of another site, or a context, is refused, and says what a fresh login is', async () => {
    @UseGuards(AuthentifyGuard)
    @Controller('account')
    class AccountController {
      @Get() show(): void {}
      @Post() change(): void {}
      @UseGuards(HeaderAuthGuard) @Delete('header') header(): void {}
      @RequireContext({ plan: 'premium' }) @Get('films') films(): void {}
      @RequireFresh('10m') @Get('secret') secret(): void {}
      @RequireContext({ plan: 'premium' }) @OptionalAuth() @Get('maybe') maybe(): void {}
    }
    const document = await start([AccountController]);
    expect(operation(document, '/account')[1]).toEqual(['200', '401', '503']);
    expect(operation(document, '/account', 'post')[1]).toEqual(['201', '401', '403', '503']);
    expect(operation(document, '/account/header', 'delete')).toEqual([[HEADER], ['200', '401', '503']]);
    expect(operation(document, '/account/films')[1]).toEqual(['200', '401', '403', '503']);
    expect(operation(document, '/account/secret')[1]).toEqual(['200', '401', '503']);
    // Who asks something of a session needs one.
    expect(operation(document, '/account/maybe')[0]).toEqual([HEADER, COOKIE]);
    expect(schemaOf(document, '/account/secret', 401)).toEqual([
      ['application/json', { oneOf: [refTo('AuthentifyUnauthorized'), refTo('AuthentifyLoginRequired')] }],
    ]);
    for (const [status, name] of [
      [401, 'AuthentifyUnauthorized'],
      [403, 'AuthentifyError'],
      [503, 'AuthentifyError'],
    ] as const) {
      expect(schemaOf(document, '/account/films', status)).toEqual([['application/json', refTo(name)]]);
    }
  });

  it('has no 403 where the cross-site check is off', async () => {
    @UseGuards(AuthentifyGuard)
    @Controller('account')
    class AccountController {
      @Post() change(): void {}
    }
    const document = await start([AccountController], { options: { csrf: false } });
    expect(operation(document, '/account', 'post')[1]).toEqual(['201', '401', '503']);
  });

  it('keeps what the app says of it', async () => {
    @UseGuards(AuthentifyGuard)
    @Controller('mine')
    class MineController {
      @ApiOkResponse({ type: Report }) @Get() show(): void {}
      @ApiForbiddenResponse({ description: 'My own words' }) @Post() change(): void {}
      @ApiSecurity('mine') @Get('key') key(): void {}
      @ApiProduces('text/csv') @ApiOkResponse({ type: String }) @Get('csv') csv(): void {}
      @ApiExcludeEndpoint() @Get('hidden') hidden(): void {}
    }
    @ApiBearerAuth('jwt')
    @UseGuards(AuthentifyGuard)
    @Controller('bearer')
    class BearerController {
      @Get() show(): void {}
      @Public() @Get('open') open(): void {}
    }
    const document = await start([MineController, BearerController]);
    expect(schemaOf(document, '/mine', 200)).toEqual([['application/json', refTo('Report')]]);
    expect(document.paths['/mine']?.post?.responses[403]).toEqual({ description: 'My own words' });
    expect(operation(document, '/mine/key')).toEqual([[{ mine: [] }], ['200', '401', '503']]);
    expect(schemaOf(document, '/mine/csv', 200)).toEqual([['text/csv', { type: 'string' }]]);
    // A refusal is JSON, whatever the route produces.
    expect(schemaOf(document, '/mine/csv', 401)).toEqual([['application/json', refTo('AuthentifyUnauthorized')]]);
    expect(document.paths['/mine/hidden']).toBeUndefined();
    expect(operation(document, '/bearer')[0]).toEqual([{ jwt: [] }]);
    expect(operation(document, '/bearer/open')[0]).toEqual([]);
  });

  it('keeps what the compiler plugin of @nestjs/swagger found out', async () => {
    @Controller('plugin')
    class PluginController {
      static _OPENAPI_METADATA_FACTORY() {
        return {
          list: { type: [Report], summary: 'All reports' },
          open: { type: Report },
        };
      }
      @UseGuards(AuthentifyGuard) @Get() list(): void {}
      @Get('open') open(): void {}
    }
    const document = await start([PluginController]);
    expect(schemaOf(document, '/plugin', 200)).toEqual([
      ['application/json', { type: 'array', items: refTo('Report') }],
    ]);
    expect(document.paths['/plugin']?.get?.summary).toBe('All reports');
    expect(operation(document, '/plugin')[1]).toEqual(['200', '401', '503']);
    expect(schemaOf(document, '/plugin/open', 200)).toEqual([['application/json', refTo('Report')]]);
  });

  it('behind a guard of the app’s is described by @ApiAuthentify, wherever that stands', async () => {
    @UseGuards(AppsOwnGuard)
    @ApiAuthentify({ registration: 'staff' })
    @Controller('desk')
    class DeskController {
      @Get() desk(): void {}
      @Get('cookie')
      @ApiAuthentify({ via: 'cookie' })
      cookie(): void {}
      @Public() @Get('open') open(): void {}
    }
    const document = await start([DeskController], withStaff());
    expect(operation(document, '/desk')).toEqual([STAFF, ['200', '401', '503']]);
    expect(operation(document, '/desk/cookie')[0]).toEqual([COOKIE]);
    expect(operation(document, '/desk/open')).toEqual([[], ['200']]);
  });

  it('is described for the app that the document is of, when several share its controller', async () => {
    @Controller('shared')
    class SharedController {
      @Get() shared(): void {}
    }
    const guarded = await start([SharedController], { extras: { guardAllRoutes: true } });
    const other = await startApp({ controllers: [SharedController] });
    try {
      expect(operation(guarded, '/shared')).toEqual([
        [HEADER, COOKIE],
        ['200', '401', '503'],
      ]);
      expect(operation(documentOf(other.app), '/shared')).toEqual([undefined, ['200']]);
      expect(documentOf(t!.app)).toEqual(guarded);
    } finally {
      await other.close();
    }
  });
});
