export type { AdminActionsOf, AdminActorOf, AdminAction, AdminOptions } from './admin-options.js';
export { AuthentifyAdminModule } from './authentify-admin.module.js';
