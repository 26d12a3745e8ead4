import { denialOf } from '../denials.js';

/**
 * The `WsException` that tells a socket's client why it was turned away, where Nest would send "Internal server error"
 * for an `HttpException`. Errors that are no denial stay what they are. The package is there: it runs the gateway.
 */
export async function asWsException(error: unknown): Promise<unknown> {
  const denial = denialOf(error);
  if (!denial) return error;
  const { WsException } = await import('@nestjs/websockets');
  return new WsException({ status: 'error', ...denial });
}
