import { CONTEXT } from './required-context.js';
import { FRESHNESS } from './required-freshness.js';
import type { RequirementKind } from './requirement.js';

/** Everything a route can ask of a session, in the order it is asked: who lacks a permission is sent to no new login. */
export const REQUIREMENT_KINDS: readonly RequirementKind<unknown>[] = [CONTEXT, FRESHNESS];
