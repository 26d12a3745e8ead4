import type { AbstractAuthToken } from '../../sessions/entities/abstract-auth-token.js';
import type { TransportRequest } from '../transport-request.js';

/** A request in a session. */
export type RequestInSession = TransportRequest & { auth: AbstractAuthToken };

/** One kind of what a route can ask of the session that a request acts in, such as its context. */
export interface RequirementKind<TRequired> {
  /** Metadata key of the list of what decorators of this kind ask for. */
  readonly key: string;
  /**
   * Holds a session against everything of this kind that the route, its controller's marks included, asks for.
   *
   * @throws HttpException, the answer to a request whose session does not meet it.
   */
  check(required: readonly TRequired[], request: RequestInSession): void | Promise<void>;
}

/** Adds to what is asked for already, so that several decorators all count; a class leaves its parent's to its parent. */
export function addRequirement<TRequired>(
  { key }: RequirementKind<TRequired>,
  required: TRequired,
): MethodDecorator & ClassDecorator {
  return (target: object, _property?: unknown, descriptor?: PropertyDescriptor) => {
    const holder = (descriptor?.value ?? target) as object;
    const known = descriptor ? Reflect.getMetadata(key, holder) : Reflect.getOwnMetadata(key, holder);
    Reflect.defineMetadata(key, [...((known ?? []) as TRequired[]), required], holder);
  };
}
