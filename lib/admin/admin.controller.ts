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
import type { TransportRequest } from '../authentication/transport-request.js';
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
} from './input/requests.js';

/** A request for the page or its data. */
type AdminRequest = TransportRequest & { originalUrl?: string; url: string };

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
  ) {}

  @Get()
  document({ originalUrl, url }: AdminRequest, response: unknown): string {
    return this.answers.file(response, this.page.document(originalUrl ?? url));
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
  async issue({ body }: AdminRequest, response: unknown): Promise<object> {
    const request = read(issueRequest, body);
    return this.answers.json(response, await this.sessions.issue(request), HttpStatus.CREATED);
  }

  @Post('sessions/revoke-all')
  async revokeAll({ body }: AdminRequest, response: unknown): Promise<object> {
    const { userId } = read(revokeAllRequest, body);
    return this.answers.json(response, { ended: await this.sessions.revokeAllOf(userId) });
  }

  @Post('sessions/:id/revoke')
  async revoke({ params, body }: AdminRequest, response: unknown): Promise<object> {
    read(emptyRequest, body);
    return this.answers.json(response, { ended: await this.sessions.revoke(read(sessionId, params?.id)) });
  }

  @Patch('sessions/:id')
  async edit({ params, body }: AdminRequest, response: unknown): Promise<object> {
    const edit = read(editRequest, body);
    return this.answers.json(response, {
      session: await this.sessions.setDeadlines(read(sessionId, params?.id), edit),
    });
  }

  @Delete('sessions/:id')
  async delete({ params, body }: AdminRequest, response: unknown): Promise<object> {
    read(emptyRequest, body);
    await this.sessions.delete(read(sessionId, params?.id));
    return this.answers.json(response, { deleted: 1 });
  }
}

/** A controller at the app's path behind the app's guards; a class of its own, so that there may be several. */
export function adminControllerAt({ path, guards }: ResolvedAdminOptions): Type<AdminController> {
  class AuthentifyAdminController extends AdminController {}
  // Neutral, because the admin is no version of the app's interface.
  Controller({ path, version: VERSION_NEUTRAL })(AuthentifyAdminController);
  UseGuards(AdminRequestGuard, ...guards, AnswerGuard)(AuthentifyAdminController);
  UseFilters(AnsweredFilter)(AuthentifyAdminController);
  return AuthentifyAdminController;
}
