import { BadRequestException, NotFoundException } from '@nestjs/common';
import { AuthentifyUserNotFoundError } from '../../errors/authentify-user-not-found.error.js';
import type * as is from '../../options/option-checks.js';

/**
 * Reads what a client sent, field by field; a field that is not expected is refused, so nothing is ever assigned in bulk.
 *
 * @throws BadRequestException that says which field is wrong and how.
 */
export function read<T>(check: is.Check<T>, input: unknown): T {
  try {
    return check(input);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new BadRequestException(`The request ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** Does what a client asked for; what the library refuses as wrongly called was wrongly asked for. */
export async function perform<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AuthentifyUserNotFoundError) throw new NotFoundException('There is no such user');
    if (error instanceof TypeError || error instanceof RangeError) throw new BadRequestException(error.message);
    throw error;
  }
}
