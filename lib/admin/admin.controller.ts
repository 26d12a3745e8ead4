import {
  Body,
  Controller,
  Delete,
  Get,
  HttpStatus,
  Injectable,
  Param,
  Patch,
  Post,
  Query,
  Req,
  Res,
  type Type,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
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

/** The routes of the admin. Every answer leaves by {@link AdminAnswers}. */
@Injectable()
export abstract class AdminController {
  constructor(
    private readonly answers: AdminAnswers,
    private readonly page: AdminPage,
    private readonly sessions: AdminSessions,
  ) {}

  @Get()
  document(@Req() request: { originalUrl?: string; url: string }, @Res() response: unknown): void {
    this.answers.file(response, this.page.document(request.originalUrl ?? request.url));
  }

  @Get('page/:name')
  file(@Param('name') name: string, @Res() response: unknown): void {
    this.answers.file(response, this.page.file(name));
  }

  @Get('sessions')
  async list(@Query() query: unknown, @Res() response: unknown): Promise<void> {
    const request = read(listRequest, query);
    this.answers.json(response, await this.sessions.list(request));
  }

  @Get('users')
  async users(@Query() query: unknown, @Res() response: unknown): Promise<void> {
    const { search } = read(usersRequest, query);
    this.answers.json(response, { users: await this.sessions.users(search) });
  }

  @Post('sessions')
  async issue(@Body() body: unknown, @Res() response: unknown): Promise<void> {
    const request = read(issueRequest, body);
    this.answers.json(response, await this.sessions.issue(request), HttpStatus.CREATED);
  }

  @Post('sessions/revoke-all')
  async revokeAll(@Body() body: unknown, @Res() response: unknown): Promise<void> {
    const { userId } = read(revokeAllRequest, body);
    this.answers.json(response, { ended: await this.sessions.revokeAllOf(userId) });
  }

  @Post('sessions/:id/revoke')
  async revoke(@Param('id') id: string, @Body() body: unknown, @Res() response: unknown): Promise<void> {
    read(emptyRequest, body);
    this.answers.json(response, { ended: await this.sessions.revoke(read(sessionId, id)) });
  }

  @Patch('sessions/:id')
  async edit(@Param('id') id: string, @Body() body: unknown, @Res() response: unknown): Promise<void> {
    const edit = read(editRequest, body);
    this.answers.json(response, { session: await this.sessions.setDeadlines(read(sessionId, id), edit) });
  }

  @Delete('sessions/:id')
  async delete(@Param('id') id: string, @Body() body: unknown, @Res() response: unknown): Promise<void> {
    read(emptyRequest, body);
    await this.sessions.delete(read(sessionId, id));
    this.answers.json(response, { deleted: 1 });
  }
}

/** A controller at the app's path behind the app's guards; a class of its own, so that there may be several. */
export function adminControllerAt({ path, guards }: ResolvedAdminOptions): Type<AdminController> {
  class AuthentifyAdminController extends AdminController {}
  // Neutral, because the admin is no version of the app's interface.
  Controller({ path, version: VERSION_NEUTRAL })(AuthentifyAdminController);
  UseGuards(AdminRequestGuard, ...guards)(AuthentifyAdminController);
  return AuthentifyAdminController;
}
