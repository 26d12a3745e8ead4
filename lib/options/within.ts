import type { Milliseconds } from './duration.js';

/** What {@link within} gives where it waited in vain. */
export const LATE = Symbol('LATE');

/** What the app's own code gives, if it settles in time; what comes later is nobody's business (R75). */
export async function within<T>(patience: Milliseconds, work: PromiseLike<T>): Promise<T | typeof LATE> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(resolve, patience, LATE);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
