/** The whole of a subject, or its property of that name. */
export function memberOf(subject: unknown, key: string | undefined): unknown {
  return key === undefined ? subject : (subject as Record<string, unknown> | null | undefined)?.[key];
}
