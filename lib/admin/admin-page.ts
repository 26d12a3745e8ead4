import { extname } from 'node:path';
import { Inject, Injectable, NotFoundException } from '@nestjs/common';
import { ADMIN_OPTIONS, type AdminAction, type ResolvedAdminOptions } from './admin-options.js';
import { AdminRegistration } from './admin-registration.js';
import { PAGE_FILES } from './page-files.js';

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

/** A file of the page as it is sent. */
export interface PageFile {
  type: string;
  body: string;
}

/** The files of the page. Only known names are answered. */
@Injectable()
export class AdminPage {
  private readonly files = new Map<string, PageFile>(
    Object.entries(PAGE_FILES).map(([name, body]) => [name, { type: TYPES[extname(name)] ?? 'text/plain', body }]),
  );

  constructor(
    @Inject(ADMIN_OPTIONS) private readonly options: ResolvedAdminOptions,
    private readonly registration: AdminRegistration,
  ) {}

  /**
   * The page for a URL and the granted actions. Its links are relative to the URL, so they work behind any prefix of a
   * proxy.
   */
  document(url: string, actions: ReadonlySet<AdminAction>): PageFile {
    const [path = ''] = url.split('?');
    const folder = path.endsWith('/') ? '.' : path.slice(path.lastIndexOf('/') + 1);
    const { searchColumns } = this.options;
    const hint = searchColumns.length > 0 ? `User id, or the beginning of ${searchColumns.join(' or ')}` : 'User id';
    const { type, body } = this.file('index.html');
    const slots = {
      files: `${inHtml(folder)}/page`,
      hint: inHtml(hint),
      actions: [...actions].join(' '),
      ended: this.registration.options.keepExpiredTokens === false ? 'deleted' : 'kept',
    };
    return { type, body: body.replaceAll(/\{\{(\w+)\}\}/g, (_, name: keyof typeof slots) => slots[name]) };
  }

  /** @throws NotFoundException for any other name. */
  file(name: string): PageFile {
    const file = this.files.get(name);
    if (!file) throw new NotFoundException();
    return file;
  }
}

function inHtml(text: string): string {
  return text.replaceAll(/[^\w .~%-]/g, (character) => `&#${character.codePointAt(0)};`);
}
