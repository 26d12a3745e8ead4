import { applyDecorators, Controller, Get, Injectable, Req, type Type, UseGuards } from '@nestjs/common';
import {
  AuthentifyGuard,
  GuardFor,
  HeaderAuthGuard,
  OptionalAuth,
  Public,
  RequireContext,
  RequireFresh,
} from 'nestjs-authentify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { bearer, send } from './client.js';
import { type MaybeAuthenticated, whoami } from './controllers.js';

type Mark = ClassDecorator & MethodDecorator;

class NamedGuard extends GuardFor('default') {}

@Injectable()
class OwnGuard extends HeaderAuthGuard {}

@Injectable()
class ForeignGuard {
  canActivate(): boolean {
    return true;
  }
}

const MARKS = {
  public: Public(),
  optional: OptionalAuth(),
  guard: UseGuards(AuthentifyGuard),
  header: UseGuards(HeaderAuthGuard),
  named: UseGuards(NamedGuard),
  subclass: UseGuards(OwnGuard),
  composed: applyDecorators(UseGuards(ForeignGuard, AuthentifyGuard)),
  foreign: UseGuards(ForeignGuard),
  instance: UseGuards(new ForeignGuard()),
  context: RequireContext({ plan: 'premium' }),
  fresh: RequireFresh('1h'),
} as unknown as Record<string, Mark>;

/** What somebody without a credential, with a bad one, in a session and in a premium one is answered. */
const ANSWERS = {
  open: [200, 200, 200, 200],
  optional: [200, 401, 200, 200],
  closed: [401, 401, 200, 200],
  premium: [401, 401, 403, 200],
};

/** Marks of the class, of the handler, and who is let in then. */
const TABLE: [onClass: string, onHandler: string, expected: keyof typeof ANSWERS][] = [
  ['', '', 'closed'],
  ['', 'public', 'open'],
  ['', 'optional', 'optional'],
  ['', 'public guard', 'open'],
  ['', 'guard public', 'open'],
  ['', 'optional guard', 'optional'],
  ['', 'public optional', 'open'],
  ['', 'context', 'premium'],
  ['', 'public context', 'premium'],
  ['', 'context public', 'premium'],
  ['', 'public fresh', 'closed'],
  ['', 'optional context', 'premium'],
  ['public', '', 'open'],
  ['public', 'guard', 'closed'],
  ['public', 'header', 'closed'],
  ['public', 'named', 'closed'],
  ['public', 'subclass', 'closed'],
  ['public', 'composed', 'closed'],
  ['public', 'foreign', 'open'],
  ['public', 'instance', 'open'],
  ['public', 'optional', 'optional'],
  ['public', 'context', 'premium'],
  ['public', 'fresh', 'closed'],
  ['public', 'guard context', 'premium'],
  ['public', 'optional context', 'premium'],
  ['public guard', '', 'open'],
  ['public guard', 'header', 'closed'],
  ['public context', '', 'premium'],
  ['public context', 'public', 'open'],
  ['public context', 'optional', 'premium'],
  ['optional', '', 'optional'],
  ['optional', 'public', 'open'],
  ['optional', 'guard', 'closed'],
  ['optional', 'named', 'closed'],
  ['optional', 'context', 'premium'],
  ['guard', 'public', 'open'],
  ['guard', 'optional', 'optional'],
  ['guard', 'header', 'closed'],
  ['named', 'public', 'open'],
  ['guard context', 'public', 'open'],
  ['guard context', 'optional', 'premium'],
  ['guard context', 'fresh', 'premium'],
  ['context', 'public guard', 'open'],
  ['context', 'public fresh', 'premium'],
];

const marksOf = (names: string): Mark =>
  applyDecorators(
    ...names
      .split(' ')
      .filter(Boolean)
      .map((name) => MARKS[name]!),
  );

/** A controller with these marks, on itself and on its handler. */
function controllerOf(path: string, onClass: string, onHandler: string, parent: Type = Object): Type {
  class MarkedController extends parent {
    @Get()
    @marksOf(onHandler)
    handle(@Req() request: MaybeAuthenticated): object {
      return whoami(request);
    }
  }
  marksOf(onClass)(MarkedController);
  Controller(path)(MarkedController);
  return MarkedController;
}

/** The same of a controller whose parent has the handler, and marks of its own. */
function heirOf(path: string, { onParent, onHeir, onHandler = '' }: Record<string, string>): Type {
  const parent = controllerOf('parent', onParent!, onHandler);
  class HeirController extends parent {}
  marksOf(onHeir!)(HeirController);
  Controller(path)(HeirController);
  return HeirController;
}

const HEIRS: [marks: Record<string, string>, expected: keyof typeof ANSWERS][] = [
  [{ onParent: 'public', onHeir: '' }, 'open'],
  [{ onParent: 'public', onHeir: 'guard' }, 'closed'],
  [{ onParent: 'public', onHeir: 'named' }, 'closed'],
  [{ onParent: 'public', onHeir: 'optional' }, 'optional'],
  [{ onParent: 'public', onHeir: 'context' }, 'premium'],
  [{ onParent: 'guard', onHeir: 'public' }, 'open'],
  [{ onParent: 'guard', onHeir: 'public foreign' }, 'open'],
  [{ onParent: 'guard', onHeir: 'foreign' }, 'closed'],
  [{ onParent: 'context', onHeir: '' }, 'premium'],
  [{ onParent: 'context', onHeir: 'fresh' }, 'premium'],
  [{ onParent: 'context', onHeir: 'public' }, 'open'],
  [{ onParent: 'context', onHeir: 'public fresh' }, 'premium'],
  [{ onParent: 'public', onHeir: '', onHandler: 'guard' }, 'closed'],
  [{ onParent: '', onHeir: 'public', onHandler: 'context' }, 'premium'],
];

const ROUTES = [
  ...TABLE.map(([onClass, onHandler, expected], index) => ({
    title: `class [${onClass}], handler [${onHandler}]`,
    type: controllerOf(`route-${index}`, onClass, onHandler),
    path: `/route-${index}`,
    expected,
  })),
  ...HEIRS.map(([marks, expected], index) => ({
    title: JSON.stringify(marks),
    type: heirOf(`heir-${index}`, marks),
    path: `/heir-${index}`,
    expected,
  })),
];

describe.each(ADAPTERS)('R69: the nearest mark wins on %s', (adapter) => {
  describe.each(['guardAllRoutes', 'useGlobalGuards'])('with %s', (global) => {
    let t: TestApp;
    let credentials: Record<string, string>[];
    beforeAll(async () => {
      t = await startApp({
        adapter,
        controllers: ROUTES.map(({ type }) => type),
        extras: { guardAllRoutes: global === 'guardAllRoutes' },
        configure: (app) => {
          if (global === 'useGlobalGuards') app.useGlobalGuards(app.get(AuthentifyGuard));
        },
      });
      const user = await t.createUser();
      const free = await t.tokens.generateHeaderToken(user);
      const premium = await t.tokens.generateHeaderToken(user, { context: { plan: 'premium' } });
      credentials = [{}, bearer('bad'), bearer(free.accessToken), bearer(premium.accessToken)];
    });
    afterAll(() => t.close());

    it.each(ROUTES)('$title is $expected', async ({ path, expected }) => {
      const answers = await Promise.all(credentials.map((headers) => send(t.url + path, { headers })));
      expect(answers.map(({ status }) => status)).toEqual(ANSWERS[expected]);
      const [nobody, , inSession] = answers;
      if (expected === 'open') expect(inSession!.json).toEqual({ user: null, session: null });
      if (expected === 'optional') expect(nobody!.json).toEqual({ user: null, session: null });
      if (expected === 'closed')
        expect(inSession!.json).toEqual({ user: expect.any(Number), session: expect.any(String) });
    });
  });
});
