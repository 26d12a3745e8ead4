import { Req } from '@nestjs/common';

/**
 * Decorates a class as TypeScript would.
 *
 * @param methods by name, the decorators of methods whose one parameter is the request.
 */
export function decorate(type, methods, ...decorators) {
  for (const [name, methodDecorators] of Object.entries(methods)) {
    const descriptor = Object.getOwnPropertyDescriptor(type.prototype, name);
    Req()(type.prototype, name, 0);
    for (const decorator of methodDecorators) decorator(type.prototype, name, descriptor);
  }
  for (const decorator of decorators) decorator(type);
}
