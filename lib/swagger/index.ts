export { addSessionAuth } from './add-session-auth.js';
export { ApiAuthentify, type ApiAuthentifyOptions } from './api-authentify.decorator.js';
