import type { PipeTransform, Type } from '@nestjs/common';

type Pipe = PipeTransform | Type<PipeTransform>;

/** Gives a handler's parameter the whole of a subject or, by name, one property of it; pipes may change it. */
export type MemberDecorator = (keyOrPipe?: string | Pipe, ...pipes: Pipe[]) => ParameterDecorator;

/** The whole of a subject, or its property of that name. */
export function memberOf(subject: unknown, key: string | undefined): unknown {
  return key === undefined ? subject : (subject as Record<string, unknown> | null | undefined)?.[key];
}
