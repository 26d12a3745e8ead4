import { CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import {
  type ArgumentsHost,
  type CallHandler,
  Catch,
  ClassSerializerInterceptor,
  type ExceptionFilter,
  type ExecutionContext,
  HttpException,
  HttpStatus,
  Inject,
  Injectable,
  type INestApplication,
  Logger,
  type NestInterceptor,
  ValidationPipe,
  VersioningType,
} from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, APP_PIPE, HttpAdapterHost, Reflector } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import fastifyCompress from '@fastify/compress';
import compression from 'compression';
import { map, type Observable, of, tap, timeout } from 'rxjs';
import type { Adapter, Setup } from '../support/app.js';
import { PlacesController } from '../transports/drivers/http.js';

/** Where the routes of the app below are. */
export const BASE = 'api/v1';

/** Wraps whatever a handler returns, as many apps do. */
@Injectable()
class TransformInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

@Injectable()
class TimeoutInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(timeout(20_000));
  }
}

/** Reads what it can get, and sets a header afterwards. */
@Injectable()
class LoggingInterceptor implements NestInterceptor {
  private readonly logger = new Logger('Requests');

  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { httpAdapter } = this.host;
    const response = context.switchToHttp().getResponse<object>();
    return next.handle().pipe(
      tap((body: unknown) => {
        httpAdapter.setHeader(response, 'X-Handled', 'yes');
        this.logger.verbose(`${context.getHandler().name} ${JSON.stringify(body)?.length ?? 0}`);
      }),
    );
  }
}

/** A cache written in five lines, which answers with whatever it was given first. */
@Injectable()
class NaiveCacheInterceptor implements NestInterceptor {
  private readonly answers = new Map<string, unknown>();

  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { httpAdapter } = this.host;
    const request = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
    const { authorization, cookie } = request.headers;
    const key = [httpAdapter.getRequestUrl(request), isApps(context) ? [authorization, cookie] : []].join();
    if (httpAdapter.getRequestMethod(request) !== 'GET') return next.handle();
    if (this.answers.has(key)) return of(this.answers.get(key));
    return next.handle().pipe(tap((body: unknown) => this.answers.set(key, body)));
  }
}

/** Nest's own, by address alone for what is not the app's: that is what the library must not depend on. */
@Injectable()
class AppCacheInterceptor extends CacheInterceptor {
  protected override trackBy(context: ExecutionContext): ReturnType<CacheInterceptor['trackBy']> {
    const key = super.trackBy(context);
    if (typeof key !== 'string' || !isApps(context)) return key;
    const { authorization, cookie } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers;
    return [key, authorization, cookie].join();
  }
}

/** An app that caches answers for each user does so for its own handlers. */
function isApps(context: ExecutionContext): boolean {
  return context.getClass() === PlacesController;
}

/** The catch-all filter of Nest's documentation, with a body of the app's own. */
@Catch()
class CatchEverything implements ExceptionFilter {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const isHttp = exception instanceof HttpException;
    const status = isHttp ? exception.getStatus() : HttpStatus.INTERNAL_SERVER_ERROR;
    const error = isHttp ? exception.getResponse() : 'Internal';
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), { error }, status);
  }
}

/** Everything that apps put around their routes, at once. */
export function foreignApp(adapter: Adapter): Setup {
  return {
    adapter,
    imports: [CacheModule.register({ ttl: 60_000 })],
    providers: [
      { provide: APP_INTERCEPTOR, useClass: LoggingInterceptor },
      { provide: APP_INTERCEPTOR, useClass: TimeoutInterceptor },
      { provide: APP_INTERCEPTOR, useClass: TransformInterceptor },
      {
        provide: APP_INTERCEPTOR,
        useFactory: (reflector: Reflector) => new ClassSerializerInterceptor(reflector, { strategy: 'excludeAll' }),
        inject: [Reflector],
      },
      { provide: APP_INTERCEPTOR, useClass: NaiveCacheInterceptor },
      { provide: APP_INTERCEPTOR, useClass: AppCacheInterceptor },
      {
        provide: APP_PIPE,
        useValue: new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }),
      },
      { provide: APP_FILTER, useClass: CatchEverything },
    ],
    configure(app) {
      app.setGlobalPrefix('api');
      app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
      compress(app, adapter);
    },
  };
}

/** Compresses every answer, however small. */
function compress(app: INestApplication, adapter: Adapter): void {
  if (adapter === 'express') app.use(compression({ threshold: 0 }));
  else void (app as NestFastifyApplication).register(fastifyCompress as never, { threshold: 0 });
}
