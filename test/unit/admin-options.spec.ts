import { AuthentifyConfigurationError, CookieAuthGuard } from 'nestjs-authentify';
import { type AdminOptions, AuthentifyAdminModule } from 'nestjs-authentify/admin';
import { describe, expect, it } from 'vitest';

const GOOD: AdminOptions = { path: 'admin/sessions', guards: [CookieAuthGuard] };
const register = (options: object) => () => AuthentifyAdminModule.register(options as AdminOptions);

describe('registering the admin', () => {
  it.each([
    ['no options', undefined],
    ['no guards', { path: 'admin' }],
    ['an empty list of guards', { path: 'admin', guards: [] }],
    ['guards that are no list', { path: 'admin', guards: CookieAuthGuard }],
    ['a guard that is no class', { path: 'admin', guards: ['AdminGuard'] }],
    ['a class that guards nothing', { path: 'admin', guards: [class {}] }],
    ['a function that guards nothing', { path: 'admin', guards: [() => true] }],
    ['one that is undefined, as after a circular import', { path: 'admin', guards: [CookieAuthGuard, undefined] }],
  ])('throws for %s', (_, options) => {
    expect(register(options as never)).toThrow(AuthentifyConfigurationError);
    expect(register(options as never)).toThrow(/guards (is missing or empty|must contain only guards)/);
  });

  it.each([
    '',
    '/',
    'admin/',
    '//admin',
    'admin//sessions',
    ':tenant/admin',
    'admin/*',
    'a b',
    '../admin',
    '.',
    5,
    null,
  ])('throws for the path %j', (path) => {
    expect(register({ ...GOOD, path })).toThrow(/path must be a path without parameters/);
  });

  it.each(['admin', '/admin', 'admin/sessions', '/a-b/~c/d_e.f'])('takes the path %j', (path) => {
    expect(register({ ...GOOD, path })).not.toThrow();
  });

  it('names an action that is none, and those there are', () => {
    const message =
      'nestjs-authentify: actions contains an unknown action "mint"; known actions are list, revoke, edit, delete, issue';
    expect(register({ ...GOOD, actions: ['list', 'mint'] })).toThrow(message);
    for (const name of ['Issue', 'toString', '__proto__', 'revoke ', '']) {
      expect(register({ ...GOOD, actions: [name] })).toThrow(`actions contains an unknown action "${name}"`);
    }
  });

  it('takes guards as classes and as instances', () => {
    expect(register({ ...GOOD, guards: [CookieAuthGuard, { canActivate: () => true }] })).not.toThrow();
  });

  it.each([
    ['guard', { ...GOOD, guard: CookieAuthGuard }],
    ['imports', { ...GOOD, imports: class {} }],
    ['userLabel', { ...GOOD, userLabel: 'email' }],
    ['searchColumns', { ...GOOD, searchColumns: 'email' }],
    ['searchColumns', { ...GOOD, searchColumns: [''] }],
    ['actions', { ...GOOD, actions: null }],
    ['actions', { ...GOOD, actions: 'issue' }],
    ['actions', { ...GOOD, actions: { issue: true } }],
    ['actor', { ...GOOD, actor: 'user' }],
    ['actions', { ...GOOD, actions: [undefined] }],
  ])('names the option at fault: %s', (name, options) => {
    expect(register(options)).toThrow(new RegExp(`nestjs-authentify: ${name} `));
  });
});
