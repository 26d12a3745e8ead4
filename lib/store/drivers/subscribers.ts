import type { DataSource, EntityMetadata, EntitySubscriberInterface } from 'typeorm';

type Target = EntityMetadata['target'];

/**
 * A question about the subscribers of a data source, asked again only where some came or went since: apps push theirs
 * whenever they like, Nest providers in their constructor, and from then on they count.
 */
export function aboutSubscribers(
  dataSource: DataSource,
  ask: (subscribers: readonly EntitySubscriberInterface[]) => boolean,
): () => boolean {
  let asked: readonly EntitySubscriberInterface[] | undefined;
  let answer = false;
  return () => {
    const { subscribers } = dataSource;
    if (!asked || !isSame(asked, subscribers)) {
      asked = [...subscribers];
      answer = ask(asked);
    }
    return answer;
  };
}

/** Whether TypeORM would tell a subscriber of events of this entity. */
export function listensTo(subscriber: EntitySubscriberInterface, target: Target): boolean {
  const heard = subscriber.listenTo?.();
  return !heard || heard === Object || heard === target || Object.prototype.isPrototypeOf.call(heard, target);
}

/** Whether a subscriber wants to see queries, of which only TypeORM can tell it. */
export function hearsQueries(subscriber: EntitySubscriberInterface): boolean {
  return hasMethod(subscriber, 'beforeQuery') || hasMethod(subscriber, 'afterQuery');
}

/** Whether a subscriber takes part in an event, as TypeORM decides it. */
export function hasMethod(subscriber: EntitySubscriberInterface, event: keyof EntitySubscriberInterface): boolean {
  return Boolean(subscriber[event]);
}

function isSame<T>(some: readonly T[], others: readonly T[]): boolean {
  return some.length === others.length && some.every((one, index) => one === others[index]);
}
