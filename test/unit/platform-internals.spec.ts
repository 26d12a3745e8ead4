import {
  type CanActivate,
  Controller,
  Get,
  HttpCode,
  Injectable,
  Module,
  Post,
  RequestMethod,
  Scope,
  UseGuards,
} from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  foundByPlugin,
  isInstanceOf,
  mercuriusConnectionOf,
  modulesOf,
  namedGuards,
  ownNamedGuards,
  routeKeys,
  scopeOf,
} from '../../lib/authentication/platform-internals.js';

class SomeGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}
class OtherGuard extends SomeGuard {}

@UseGuards(SomeGuard)
@Controller('places')
class PlacesController {
  @UseGuards(new OtherGuard())
  @HttpCode(202)
  @Post('visits')
  visit(this: void): void {}

  @Get()
  list(this: void): void {}
}

@UseGuards(OtherGuard)
class TownsController extends PlacesController {}

/** The file as a version of Nest would have it whose decorators write elsewhere. */
async function loadWithout(
  ...decorators: string[]
): Promise<typeof import('../../lib/authentication/platform-internals.js')> {
  vi.resetModules();
  vi.doMock('@nestjs/common', async (original) => ({
    ...(await original<object>()),
    ...Object.fromEntries(decorators.map((name) => [name, () => () => {}])),
  }));
  return import('../../lib/authentication/platform-internals.js');
}

afterEach(() => {
  vi.doUnmock('@nestjs/common');
});

describe('what Nest writes down', () => {
  const { visit, list } = PlacesController.prototype;

  it('guards are found where @UseGuards puts them', async () => {
    expect(namedGuards(PlacesController)).toEqual([SomeGuard]);
    expect(namedGuards(visit)).toEqual([OtherGuard]);
    expect(namedGuards(list)).toEqual([]);
    expect(ownNamedGuards(TownsController)).toEqual([OtherGuard]);
    await expect(loadWithout('UseGuards')).rejects.toThrow(
      /does not find the metadata that @UseGuards writes in the installed version of @nestjs\/common; versions 11 to 12/,
    );
  });

  it('the scope of a class is found', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class Transient {}
    @Injectable()
    class Usual {}
    expect([Transient, Usual].map(scopeOf)).toEqual([Scope.TRANSIENT, undefined]);
    const changed = await loadWithout('Injectable');
    expect(() => changed.scopeOf(Usual)).toThrow(/in which @Injectable keeps the scope .+ the app does not start/);
  });

  it.each([['Patch'], ['HttpCode'], ['Get']])(
    'method, path and status of a route are found, written by @%s',
    async (name) => {
      const { method, path, httpCode } = routeKeys();
      expect([method, path, httpCode].map((key) => Reflect.getMetadata(key, visit) as unknown)).toEqual([
        RequestMethod.POST,
        'visits',
        202,
      ]);
      const changed = await loadWithout(name);
      expect(() => changed.routeKeys()).toThrow(/in which handlers keep .+ nestjs-authentify\/swagger, does not load/);
    },
  );

  it('modules tell what they hold', async () => {
    @Module({ providers: [OtherGuard], controllers: [PlacesController], exports: [OtherGuard] })
    class Places {}
    const app = await NestFactory.createApplicationContext(Places, { logger: false });
    const found = modulesOf(app.get(ModulesContainer)).filter(({ controllers }) => controllers.has(PlacesController));
    await app.close();
    expect(found).toHaveLength(1);
    const [{ providers, injectables, exports: shared, isGlobal }] = found as [(typeof found)[number]];
    expect(providers.get(OtherGuard)).toMatchObject({ instance: expect.any(OtherGuard) as OtherGuard });
    expect(providers.get(OtherGuard)!.isDependencyTreeStatic()).toBe(true);
    expect(injectables.get(SomeGuard)).toMatchObject({ instance: expect.any(SomeGuard) as SomeGuard });
    expect([...shared]).toEqual([OtherGuard]);
    expect(isGlobal).toBe(false);

    const changed = new Map([['places', { providers: {} }]]) as unknown as ModulesContainer;
    expect(() => modulesOf(changed)).toThrow(
      /does not find ModulesContainer .+ in the installed version of @nestjs\/core/,
    );
  });
});

describe('Fastify', () => {
  it('the instance of a plugin inherits from that of the application', async () => {
    const [own, other] = [new FastifyAdapter().getInstance(), new FastifyAdapter().getInstance()];
    let serving: object | undefined;
    await own.register(async (plugin) => {
      plugin.get('/', (request) => {
        serving = request.server;
        return {};
      });
    });
    await own.inject('/');
    expect(serving).toBeDefined();
    expect(serving).not.toBe(own);
    expect(isInstanceOf(own, serving!)).toBe(true);
    expect(isInstanceOf(own, own)).toBe(true);
    expect(isInstanceOf(other, serving!)).toBe(false);
    expect(isInstanceOf(undefined, serving!)).toBe(false);
    await Promise.all([own.close(), other.close()]);
  });
});

describe('Mercurius', () => {
  it('a context without what its client said is none of a subscription, so that nobody is taken for somebody', () => {
    const request = { headers: {} };
    expect(mercuriusConnectionOf({ request, _connectionInit: undefined })).toEqual({
      upgrade: request,
      params: undefined,
    });
    expect(mercuriusConnectionOf({ request })).toBeUndefined();
    expect(mercuriusConnectionOf({ _connectionInit: {} })).toBeUndefined();
  });
});

describe('@nestjs/swagger', () => {
  it('the compiler plugin writes down what a route returns', async () => {
    class Place {}
    const controllers = [[Promise.resolve({ PlacesController }), { PlacesController: { list: { type: Place } } }]];
    await SwaggerModule.loadPluginMetadata(() => Promise.resolve({ '@nestjs/swagger': { models: [], controllers } }));
    expect(foundByPlugin(PlacesController, 'list')).toEqual({ type: Place });
    expect(foundByPlugin(PlacesController, 'visit')).toEqual({});
    expect(foundByPlugin(Place, 'list')).toEqual({});
  });
});
