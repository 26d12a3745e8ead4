import {
  Controller,
  Delete,
  Get,
  HttpStatus,
  Injectable,
  Patch,
  Post,
  type Type,
  UseFilters,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { AnsweredFilter, AnswerGuard } from '../authentication/guards/answer.guard.js';
import type { AuthenticatedRequest, TransportRequest } from '../authentication/request.js';
import { Action, AdminActionGuard, Administrators, AdminRequestGuard } from './admin.guards.js';
import type { ResolvedAdminOptions } from './admin-options.js';
import { AdminPage, type PageFile } from './admin-page.js';
import {
  editRequest,
  emptyRequest,
  issueRequest,
  listRequest,
  read,
  revokeAllRequest,
  sessionId,
  usersRequest,
} from './admin-requests.js';
import { AdminSessions } from './admin-sessions.js';

/** A request to the admin. */
type AdminRequest = TransportRequest & AuthenticatedRequest & { originalUrl?: string; url: string };

/** Nothing is cached (R59), framed, or sent where it could leak. */
const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; " +
    "frame-ancestors 'none'; base-uri 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/**
 * The routes of the admin. `AnswerGuard` calls them with request and response and sends what they return, so that no
 * interceptor of the app wraps, logs or stores it: a token is shown once (R63).
 */
@Injectable()
export abstract class AdminController {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly page: AdminPage,
    private readonly sessions: AdminSessions,
    private readonly administrators: Administrators,
  ) {}

  @Get()
  async document(request: AdminRequest, response: unknown): Promise<string> {
    const actions = await this.administrators.actionsOf(request);
    return this.file(response, this.page.document(request.originalUrl ?? request.url, actions));
  }

  @Get('page/:name')
  pageFile({ params }: AdminRequest, response: unknown): string {
    return this.file(response, this.page.file(params?.name ?? ''));
  }

  @Get('sessions')
  async list({ query }: AdminRequest, response: unknown): Promise<object> {
    const request = read(listRequest, query);
    return this.json(response, await this.sessions.list(request));
  }

  @Get('users')
  async users({ query }: AdminRequest, response: unknown): Promise<object> {
    const { search } = read(usersRequest, query);
    return this.json(response, { users: await this.sessions.users(search) });
  }

  @Post('sessions')
  @Action('issue')
  async issue(request: AdminRequest, response: unknown): Promise<object> {
    const login = read(issueRequest, request.body);
    const issued = await this.sessions.issue(login, this.administrators.attributionOf(request));
    return this.json(response, issued, HttpStatus.CREATED);
  }

  @Post('sessions/revoke-all')
  @Action('revoke')
  async revokeAll(request: AdminRequest, response: unknown): Promise<object> {
    const { userId } = read(revokeAllRequest, request.body);
    const ended = await this.sessions.revokeAllOf(userId, this.administrators.attributionOf(request));
    return this.json(response, { ended });
  }

  @Post('sessions/:id/revoke')
  @Action('revoke')
  async revoke(request: AdminRequest, response: unknown): Promise<object> {
    read(emptyRequest, request.body);
    const ended = await this.sessions.revoke(idIn(request), this.administrators.attributionOf(request));
    return this.json(response, { ended });
  }

  @Patch('sessions/:id')
  @Action('edit')
  async edit(request: AdminRequest, response: unknown): Promise<object> {
    const edit = read(editRequest, request.body);
    const session = await this.sessions.setDeadlines(idIn(request), edit, this.administrators.attributionOf(request));
    return this.json(response, { session });
  }

  @Delete('sessions/:id')
  @Action('delete')
  async delete(request: AdminRequest, response: unknown): Promise<object> {
    read(emptyRequest, request.body);
    const deletion = await this.sessions.delete(idIn(request), this.administrators.attributionOf(request));
    return this.json(response, deletion);
  }

  private json(response: unknown, body: object, status: HttpStatus = HttpStatus.OK): object {
    this.setHeaders(response, HEADERS);
    this.host.httpAdapter.status(response, status);
    return body;
  }

  private file(response: unknown, { type, body }: PageFile): string {
    this.setHeaders(response, { ...HEADERS, 'Content-Type': type });
    this.host.httpAdapter.status(response, HttpStatus.OK);
    return body;
  }

  private setHeaders(response: unknown, headers: Record<string, string>): void {
    const { httpAdapter } = this.host;
    for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value);
  }
}

function idIn({ params }: AdminRequest): string {
  return read(sessionId, params?.id);
}

/** Creates a controller class with the path and the guards of the app; there may be several admins. */
export function adminControllerAt({ path, guards }: ResolvedAdminOptions): Type<AdminController> {
  class AuthentifyAdminController extends AdminController {}
  // Version-neutral, because the admin is not part of the app's versioned API.
  Controller({ path, version: VERSION_NEUTRAL })(AuthentifyAdminController);
  UseGuards(AdminRequestGuard, ...guards, AdminActionGuard, AnswerGuard)(AuthentifyAdminController);
  UseFilters(AnsweredFilter)(AuthentifyAdminController);
  return AuthentifyAdminController;
}
