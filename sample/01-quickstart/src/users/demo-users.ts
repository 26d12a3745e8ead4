import type { Plan } from './user.entity.js';

/** Users to play with; the database forgets them, and everything else, when the app stops. */
export const DEMO_USERS = [
  { email: 'demo@example.com', password: 'demo-password', plan: 'free' },
  { email: 'premium@example.com', password: 'premium-password', plan: 'premium' },
] as const satisfies { email: string; password: string; plan: Plan }[];
