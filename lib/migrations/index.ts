export { createAuthTokens, type CreateAuthTokensOptions } from './create-auth-tokens.js';
export { drfAuthentifyTokens } from './drf-authentify/drf-authentify-tokens.js';
export { importDrfAuthentify, type ImportDrfAuthentifyOptions } from './drf-authentify/import-drf-authentify.js';
