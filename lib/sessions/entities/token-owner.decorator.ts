import type { Type } from '@nestjs/common';
import { Index, JoinColumn, ManyToOne, RelationId } from 'typeorm';
import { AuthentifyConfigurationError } from '../../errors/authentify-configuration.error.js';

/** Metadata key of the function that gives the user class. */
const OWNER = 'authentify:owner';

/**
 * Declares the user of a token entity: the column `user_id` with the type of the user's key (int, unsigned, uuid, bigint or
 * string), a foreign key with `ON DELETE CASCADE` (R51), an index with `createdAt`, and `userId`, which is readable without
 * loading the user.
 *
 * @example
 * ```ts
 * @Entity('auth_tokens')
 * export class AuthToken extends AbstractAuthToken<User> {
 *   @TokenOwner(() => User) user!: Relation<User>;
 * }
 * ```
 * @throws AuthentifyConfigurationError on a property with a name other than `user`.
 */
export function TokenOwner(user: () => Type<unknown>): PropertyDecorator {
  return (prototype, property) => {
    if (property !== 'user') {
      throw new AuthentifyConfigurationError(
        '@TokenOwner',
        `belongs on the property "user", not "${String(property)}"`,
      );
    }
    ManyToOne(user, { nullable: false, onDelete: 'CASCADE', onUpdate: 'NO ACTION' })(prototype, property);
    JoinColumn({ name: 'user_id' })(prototype, property);
    // With the time, so that a user's newest sessions are found without sorting; neither ever changes.
    Index([property, 'createdAt'])(prototype.constructor);
    RelationId('user')(prototype, 'userId');
    Reflect.defineMetadata(OWNER, user, prototype.constructor);
  };
}

/** The user class that a token class names by {@link TokenOwner}; `undefined` while two files that import each other load. */
export function ownerOf(tokenEntity: Type<unknown>): Type<unknown> | undefined {
  try {
    return (Reflect.getMetadata(OWNER, tokenEntity) as (() => Type<unknown> | undefined) | undefined)?.();
  } catch {
    return undefined;
  }
}
