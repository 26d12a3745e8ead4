import type { Type } from '@nestjs/common';
import { Entity } from 'typeorm';
import { AuthentifyConfigurationError } from '../../errors/authentify-configuration.error.js';
import { AbstractAuthToken } from './abstract-auth-token.js';
import { TokenOwner } from './token-owner.decorator.js';

const entities = new WeakMap<Type<unknown>, Map<string, Type<AbstractAuthToken>>>();

/**
 * Returns the default token entity of a user class, always the same class: with the table `auth_tokens`, or
 * `staff_auth_tokens` for the registration `staff`. Add it to the `entities` of a data source without `autoLoadEntities`,
 * such as that of the TypeORM CLI.
 *
 * @example `entities: [User, authTokenEntity(() => User)]`
 * @throws AuthentifyConfigurationError if the function returns no class, usually because of a circular import.
 */
export function authTokenEntity<TUser>(user: () => Type<TUser>, name?: string): Type<AbstractAuthToken<TUser>> {
  const userEntity = user();
  if (typeof userEntity !== 'function') {
    throw new AuthentifyConfigurationError(
      'userEntity',
      'is not a class; if two files import each other, move this call to a third one',
    );
  }
  const table = name === undefined ? 'auth_tokens' : `${name}_auth_tokens`;
  const known = entities.get(userEntity) ?? new Map<string, Type<AbstractAuthToken>>();
  const entity = known.get(table) ?? defineEntity(userEntity, table);
  entities.set(userEntity, known.set(table, entity));
  return entity as Type<AbstractAuthToken<TUser>>;
}

function defineEntity<TUser>(userEntity: Type<TUser>, table: string): Type<AbstractAuthToken<TUser>> {
  class AuthToken extends AbstractAuthToken<TUser> {
    user!: TUser;
  }
  // For naming strategies, `--entity` and messages: bundlers rename classes.
  Object.defineProperty(AuthToken, 'name', { value: 'AuthToken' });
  TokenOwner(() => userEntity)(AuthToken.prototype, 'user');
  Entity(table)(AuthToken);
  return AuthToken;
}
