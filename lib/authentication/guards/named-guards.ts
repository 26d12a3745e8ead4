import { type CanActivate, type Type, UseGuards } from '@nestjs/common';

type Guard = Type<CanActivate> | CanActivate;

/**
 * Where Nest keeps what `@UseGuards` was given. Nest documents no name for it, so it is read off a class that was
 * decorated; should Nest keep guards elsewhere one day, the library does not load, instead of guarding by guesswork.
 */
const GUARDS = keyOfGuards();

function keyOfGuards(): string {
  class Probe implements CanActivate {
    canActivate(): boolean {
      return false;
    }
  }
  UseGuards(Probe)(Probe);
  const holdsProbe = (key: unknown): key is string => {
    const value: unknown = Reflect.getOwnMetadata(key, Probe);
    return Array.isArray(value) && value[0] === Probe;
  };
  const key = (Reflect.getOwnMetadataKeys(Probe) as unknown[]).find(holdsProbe);
  if (key === undefined) {
    throw new Error(
      'nestjs-authentify: this version of @nestjs/common keeps the guards of a route where the library does not find ' +
        'them; use a version that its README names',
    );
  }
  return key;
}

/** The classes of the guards that `@UseGuards` names on a handler or a controller; a class inherits its parent's. */
export function namedGuards(holder: object): Type<CanActivate>[] {
  return guardsIn(Reflect.getMetadata(GUARDS, holder)).map(typeOf);
}

/** The same of a class, without those it has from its parent. */
export function ownNamedGuards(holder: object): Type<CanActivate>[] {
  const named = guardsIn(Reflect.getOwnMetadata(GUARDS, holder));
  const inherited = guardsIn(Reflect.getMetadata(GUARDS, Object.getPrototypeOf(holder) as object));
  // Nest writes the inherited ones down again, before those of the class itself.
  const repeats = inherited.every((guard, index) => named[index] === guard);
  return (repeats ? named.slice(inherited.length) : named).map(typeOf);
}

function guardsIn(metadata: unknown): Guard[] {
  return (metadata as Guard[] | undefined) ?? [];
}

function typeOf(guard: Guard): Type<CanActivate> {
  return typeof guard === 'function' ? guard : (guard.constructor as Type<CanActivate>);
}
