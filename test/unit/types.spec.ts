// What the compiler knows of an app's own classes; `npm run typecheck` is what fails here, the runner only counts.
import { ParseIntPipe } from '@nestjs/common';
import {
  AbstractAuthToken,
  type AuthentifyEvents,
  AuthentifyModule,
  type AuthentifyOptions,
  type AuthHandlerInput,
  type AuthenticatedRequest,
  type AuthType,
  authTokenEntity,
  CurrentToken,
  CurrentUser,
  type IssuedTokens,
  RequireContext,
  type RevokedReason,
  type TokenRepository,
  TokenService,
  type UserId,
} from 'nestjs-authentify';
import { filter, type Observable } from 'rxjs';
import type { SelectQueryBuilder } from 'typeorm';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { User } from '../support/users.js';

interface Device {
  device: { name: string; trusted: boolean };
}

class OwnToken extends AbstractAuthToken<User, Device> {
  declare user: User;
  lastUsedIp!: string | null;
}

describe('the type of the token', () => {
  it('flows from forRoot’s entity into its options and hooks', () => {
    type Options = AuthentifyOptions<OwnToken['user'], OwnToken>;
    expectTypeOf<Parameters<NonNullable<Options['isUserActive']>>[0]>().toEqualTypeOf<User>();

    AuthentifyModule.forRoot({
      tokenEntity: OwnToken,
      isUserActive: (user) => {
        expectTypeOf(user).toEqualTypeOf<User>();
        return true;
      },
      postAuthHandler: (input) => {
        expectTypeOf(input).toEqualTypeOf<AuthHandlerInput<User, OwnToken>>();
        expectTypeOf(input.token.lastUsedIp).toEqualTypeOf<string | null>();
        return input;
      },
    });
    AuthentifyModule.forRoot({
      userEntity: User,
      postAutoRefreshHandler: (input) => {
        expectTypeOf(input.user).toEqualTypeOf<User>();
        expectTypeOf(input.token).toEqualTypeOf<AbstractAuthToken<User>>();
        return input;
      },
    });
    AuthentifyModule.forRootAsync({
      userEntity: User,
      useFactory: () => ({ isUserActive: (user: User) => user.isActive }),
    });

    // @ts-expect-error the user and token of a hook are the app's
    AuthentifyModule.forRoot({ userEntity: User, postAuthHandler: () => ({ user: 1, token: 2 }) });
    // @ts-expect-error an unknown option
    expect(() => AuthentifyModule.forRoot({ userEntity: User, tokenTTL: '1h' })).not.toThrow();
  });

  it('flows through the service', () => {
    type Service = TokenService<OwnToken>;
    expectTypeOf<Awaited<ReturnType<Service['generateHeaderToken']>>>().toEqualTypeOf<IssuedTokens<OwnToken>>();
    expectTypeOf<Awaited<ReturnType<Service['verifyToken']>>>().toEqualTypeOf<OwnToken | null>();
    expectTypeOf<Awaited<ReturnType<Service['refreshToken']>>>().toEqualTypeOf<IssuedTokens<OwnToken> | null>();
    expectTypeOf<Awaited<ReturnType<Service['listUserTokens']>>>().toEqualTypeOf<OwnToken[]>();
    expectTypeOf<Parameters<Service['generateCookieToken']>[0]>().toEqualTypeOf<User | UserId>();
    expectTypeOf<IssuedTokens<OwnToken>['token']>().toEqualTypeOf<OwnToken>();
    expectTypeOf<Parameters<Service['verifyToken']>[1]>().toEqualTypeOf<AuthType | undefined>();
  });

  it('flows through repository, request and default entity', () => {
    expectTypeOf<ReturnType<TokenRepository<OwnToken>['active']>>().toEqualTypeOf<SelectQueryBuilder<OwnToken>>();
    expectTypeOf<AuthenticatedRequest<User, OwnToken>['auth']>().toEqualTypeOf<OwnToken>();
    expectTypeOf<AuthenticatedRequest<User>['user']>().toEqualTypeOf<User>();
    expectTypeOf<InstanceType<ReturnType<typeof authTokenEntity<User>>>['user']>().toEqualTypeOf<User>();
  });
});

describe('the type of the context', () => {
  it('is the entity’s, and read-only all the way down', () => {
    expectTypeOf<OwnToken['context']>().toEqualTypeOf<Device>();
    expectTypeOf<OwnToken['contextObj']['device']['trusted']>().toEqualTypeOf<boolean>();
    type Assign = (token: OwnToken) => void;
    // @ts-expect-error the view cannot be written to
    expectTypeOf<Assign>((token) => (token.contextObj.device.trusted = true)).toBeFunction();
  });

  it('decorators accept what they understand', () => {
    expectTypeOf(CurrentUser).returns.toEqualTypeOf<ParameterDecorator>();
    CurrentUser('id', ParseIntPipe);
    CurrentToken();
    // @ts-expect-error a property is named by a string
    CurrentToken(1);
    expectTypeOf(RequireContext({ device: { trusted: true } })).toExtend<MethodDecorator & ClassDecorator>();
  });
});

describe('the type of an event', () => {
  it('is told by its `type`', () => {
    type Told = (events: AuthentifyEvents) => Observable<unknown>;
    const told: Told = (events) =>
      events.pipe(
        filter((event) => {
          if (event.type === 'revoked') expectTypeOf(event.reason).toEqualTypeOf<RevokedReason>();
          if (event.type === 'pruned') expectTypeOf(event.count).toEqualTypeOf<number>();
          if (event.type === 'issued') expectTypeOf(event.alreadyEnded).toEqualTypeOf<boolean>();
          return true;
        }),
      );
    expectTypeOf(told).returns.toEqualTypeOf<Observable<unknown>>();
  });
});
