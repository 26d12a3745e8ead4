import type { Type } from '@nestjs/common';
import { Entity } from 'typeorm';
import { AuthentifyConfigurationError } from '../../errors/authentify-configuration.error.js';
import { AbstractAuthToken } from './abstract-auth-token.js';
import { TokenOwner } from './token-owner.decorator.js';

const entities = new WeakMap<Type<unknown>, Type<AbstractAuthToken>>();

/**
 * The default token entity of a user class (table `auth_tokens`), the same class at each call.
 * List it in the `entities` of a data source that does not auto-load, such as the TypeORM CLI's.
 *
 * @example `entities: [User, authTokenEntity(() => User)]`
 * @throws AuthentifyConfigurationError when the function returns no class, usually because of a circular import.
 */
export function authTokenEntity<TUser>(user: () => Type<TUser>): Type<AbstractAuthToken<TUser>> {
  const userEntity = user();
  if (typeof userEntity !== 'function') {
    throw new AuthentifyConfigurationError(
      'userEntity',
      'is no class; if two files import each other, move this call to a third one',
    );
  }
  const entity = entities.get(userEntity) ?? defineEntity(userEntity);
  entities.set(userEntity, entity);
  return entity as Type<AbstractAuthToken<TUser>>;
}

function defineEntity<TUser>(userEntity: Type<TUser>): Type<AbstractAuthToken<TUser>> {
  class AuthToken extends AbstractAuthToken<TUser> {
    user!: TUser;
  }
  TokenOwner(() => userEntity)(AuthToken.prototype, 'user');
  Entity('auth_tokens')(AuthToken);
  return AuthToken;
}
