import { Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../authentify.constants.js';
import { AuthentifyEvents } from '../events/authentify-events.js';
import type { IncomingRequest } from '../options/auth-handler.interface.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from '../tokens/auth-type.js';
import { isForeignWrite } from './csrf.js';
import { crossSite } from './denials.js';

/** Turns away what other sites send in the user's name, by the option `csrf`. */
@Injectable()
export class CrossSiteCheck {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly events: AuthentifyEvents,
  ) {}

  /** @throws ForbiddenException (403) for an unsafe request from a foreign site (R54). */
  assertOwnSite(request: IncomingRequest, authType?: AuthType): void {
    if (!isForeignWrite(request, this.options.csrf)) return;
    this.events.reject('cross-site', authType);
    throw crossSite();
  }
}
