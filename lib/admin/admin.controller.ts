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
import { AnsweredFilter, AnswerGuard } from '../authentication/guards/answer.guard.js';
import type { AuthenticatedRequest, TransportRequest } from '../authentication/transport-request.js';
import { AdminActs, AdminActsGuard, Does } from './admin.guards.js';
import { AdminAnswers } from './admin-answers.js';
import type { ResolvedAdminOptions } from './admin-options.js';
import { AdminPage } from './admin-page.js';
import { AdminRequestGuard } from './admin-request.guard.js';
import { AdminSessions } from './admin-sessions.js';
import { sessionId } from './input/field-checks.js';
import { read } from './input/read-input.js';
import {
  editRequest,
  emptyRequest,
  issueRequest,
  listRequest,
  revokeAllRequest,
  usersRequest,
} from './admin-requests.js';

/** A request for the page or its data. */
type AdminRequest = TransportRequest & AuthenticatedRequest & { originalUrl?: string; url: string };

/**
 * The routes of the admin. `AnswerGuard` calls them with request and response and sends what they return; headers are
 * those of {@link AdminAnswers}.
 */
@Injectable()
export abstract class AdminController {
  constructor(
    private readonly answers: AdminAnswers,
    private readonly page: AdminPage,
    private readonly sessions: AdminSessions,
    private readonly acts: AdminActs,
  ) {}

  @Get()
  async document(request: AdminRequest, response: unknown): Promise<string> {
    const actions = await this.acts.grantedTo(request);
    return this.answers.file(response, this.page.document(request.originalUrl ?? request.url, actions));
  }

  @Get('page/:name')
  file({ params }: AdminRequest, response: unknown): string {
    return this.answers.file(response, this.page.file(params?.name ?? ''));
  }

  @Get('sessions')
  async list({ query }: AdminRequest, response: unknown): Promise<object> {
    const request = read(listRequest, query);
    return this.answers.json(response, await this.sessions.list(request));
  }

  @Get('users')
  async users({ query }: AdminRequest, response: unknown): Promise<object> {
    const { search } = read(usersRequest, query);
    return this.answers.json(response, { users: await this.sessions.users(search) });
  }

  @Post('sessions')
  @Does('issue')
  async issue(request: AdminRequest, response: unknown): Promise<object> {
    const login = read(issueRequest, request.body);
    const issued = await this.sessions.issue(login, this.acts.attributionOf(request));
    return this.answers.json(response, issued, HttpStatus.CREATED);
  }

  @Post('sessions/revoke-all')
  @Does('revoke')
  async revokeAll(request: AdminRequest, response: unknown): Promise<object> {
    const { userId } = read(revokeAllRequest, request.body);
    const ended = await this.sessions.revokeAllOf(userId, this.acts.attributionOf(request));
    return this.answers.json(response, { ended });
  }

  @Post('sessions/:id/revoke')
  @Does('revoke')
  async revoke(request: AdminRequest, response: unknown): Promise<object> {
    read(emptyRequest, request.body);
    const ended = await this.sessions.revoke(idIn(request), this.acts.attributionOf(request));
    return this.answers.json(response, { ended });
  }

  @Patch('sessions/:id')
  @Does('edit')
  async edit(request: AdminRequest, response: unknown): Promise<object> {
    const edit = read(editRequest, request.body);
    const session = await this.sessions.setDeadlines(idIn(request), edit, this.acts.attributionOf(request));
    return this.answers.json(response, { session });
  }

  @Delete('sessions/:id')
  @Does('delete')
  async delete(request: AdminRequest, response: unknown): Promise<object> {
    read(emptyRequest, request.body);
    const deletion = await this.sessions.delete(idIn(request), this.acts.attributionOf(request));
    return this.answers.json(response, deletion);
  }
}

function idIn({ params }: AdminRequest): string {
  return read(sessionId, params?.id);
}

/** A controller at the app's path behind the app's guards; a class of its own, so that there may be several. */
export function adminControllerAt({ path, guards }: ResolvedAdminOptions): Type<AdminController> {
  class AuthentifyAdminController extends AdminController {}
  // Neutral, because the admin is no version of the app's interface.
  Controller({ path, version: VERSION_NEUTRAL })(AuthentifyAdminController);
  UseGuards(AdminRequestGuard, ...guards, AdminActsGuard, AnswerGuard)(AuthentifyAdminController);
  UseFilters(AnsweredFilter)(AuthentifyAdminController);
  return AuthentifyAdminController;
}
