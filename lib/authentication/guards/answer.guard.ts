import {
  type ArgumentsHost,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  HttpStatus,
  Injectable,
} from '@nestjs/common';
import { ContextIdFactory, HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { requestOf, responseOf } from '../transports.js';

/** Leaves the guard phase once an answer was sent: nothing of the app may run after it. */
class AlreadyAnswered extends Error {
  override readonly name = 'AlreadyAnswered';
}

const ANSWERED = new AlreadyAnswered('This route has sent its answer itself');

/**
 * Answers in the place of Nest, as the last guard of a route: it calls the handler with request and response, and sends
 * what that returns as JSON, nothing as 204. So no interceptor, pipe or serialiser of the app runs that could wrap,
 * cache, empty or hold back an answer of the library's own (R70). What the handler throws takes the usual way to the
 * app's filters. Its route or its controller needs {@link AnsweredFilter}.
 */
@Injectable()
export class AnswerGuard implements CanActivate {
  constructor(
    private readonly modules: ModuleRef,
    private readonly host: HttpAdapterHost,
  ) {}

  async canActivate(context: ExecutionContext): Promise<never> {
    const request = requestOf(context);
    const contextId = ContextIdFactory.getByRequest(request);
    const controller: object = await this.modules.resolve(context.getClass(), contextId, { strict: false });
    this.send(responseOf(context), await context.getHandler().call(controller, request, responseOf(context)));
    throw ANSWERED;
  }

  /** Text goes out as it is, under the type the handler has set; so does JSON, past serialisers of the adapter. */
  private send(response: unknown, body: unknown): void {
    const { httpAdapter } = this.host;
    if (body === undefined) return httpAdapter.reply(response, undefined, HttpStatus.NO_CONTENT) as void;
    if (typeof body === 'string') return httpAdapter.reply(response, body) as void;
    httpAdapter.setHeader(response, 'Content-Type', 'application/json; charset=utf-8');
    httpAdapter.reply(response, JSON.stringify(body));
  }
}

/** Ends the way of a request that {@link AnswerGuard} has answered. The filters of a route are asked before its controller's, the last one first. */
@Catch(AlreadyAnswered)
export class AnsweredFilter implements ExceptionFilter<AlreadyAnswered> {
  catch(_answer: AlreadyAnswered, _host: ArgumentsHost): void {
    // There is nothing left to do.
  }
}
