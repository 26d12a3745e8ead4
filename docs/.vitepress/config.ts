import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type DefaultTheme, defineConfig } from 'vitepress';
import { inlineDiagrams } from './diagrams.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Written by TypeDoc before each build. */
function apiSidebar(): DefaultTheme.SidebarItem[] {
  const file = fileURLToPath(new URL('../api/typedoc-sidebar.json', import.meta.url));
  const items = JSON.parse(readFileSync(file, 'utf8')) as DefaultTheme.SidebarItem[];
  return [{ text: 'API reference', link: '/api/', items }];
}

const sidebar: DefaultTheme.SidebarItem[] = [
  { text: 'Quick start', link: '/guide/quick-start' },
  {
    text: 'Concepts',
    items: [
      { text: 'Sessions and tokens', link: '/concepts/sessions' },
      { text: 'The path of a request', link: '/concepts/requests' },
      { text: 'Rotation and the grace period', link: '/concepts/rotation' },
      { text: 'Lifetimes', link: '/concepts/lifetimes' },
      { text: 'Cross-site requests', link: '/concepts/cross-site' },
    ],
  },
  {
    text: 'Guides',
    items: [
      { text: 'Protect routes', link: '/guide/protect-routes' },
      { text: 'Browsers', link: '/guide/browser' },
      { text: 'Mobile and other programs', link: '/guide/mobile' },
      { text: 'Server-side rendering', link: '/guide/ssr' },
      { text: 'GraphQL', link: '/guide/graphql' },
      { text: 'WebSockets', link: '/guide/websockets' },
      { text: 'Several user types', link: '/guide/user-types' },
      { text: 'Production checklist', link: '/guide/production' },
      { text: 'When the database fails over', link: '/guide/failover' },
      { text: 'Toward a billion sessions', link: '/guide/scale' },
    ],
  },
  {
    text: 'Recipes',
    items: [
      { text: 'Logins', link: '/recipes/logins' },
      { text: 'Step-up and passwords', link: '/recipes/step-up' },
      { text: 'Transactions', link: '/recipes/transactions' },
      { text: 'Custom columns and queries', link: '/recipes/token-entity' },
      { text: 'Hooks', link: '/recipes/hooks' },
      { text: 'Credentials, refusals, cookies', link: '/recipes/overriding' },
      { text: 'Events', link: '/recipes/events' },
      { text: 'Migrations', link: '/recipes/migrations' },
      { text: 'Retention and pruning', link: '/recipes/pruning' },
      { text: 'Changing keys, algorithm or prefix', link: '/recipes/keys' },
      { text: 'Configuration', link: '/recipes/configuration' },
      { text: 'Administration', link: '/recipes/admin' },
      { text: 'Command line', link: '/recipes/command-line' },
      { text: 'OpenAPI', link: '/recipes/openapi' },
      { text: 'Testing', link: '/recipes/testing' },
    ],
  },
  {
    text: 'Reference',
    items: [
      { text: 'Options', link: '/reference/options' },
      { text: 'TokenService', link: '/reference/token-service' },
      { text: 'Session routes', link: '/reference/session-routes' },
      { text: 'Statuses and errors', link: '/reference/errors' },
      { text: 'Databases', link: '/reference/databases' },
      { text: 'Token format', link: '/reference/token-format' },
      { text: 'Requirements', link: '/reference/requirements' },
      { text: 'API reference', link: '/api/' },
    ],
  },
  {
    text: 'Coming from',
    items: [
      { text: 'passport-jwt', link: '/coming-from/passport-jwt' },
      { text: 'express-session', link: '/coming-from/express-session' },
      { text: 'Better Auth', link: '/coming-from/better-auth' },
      { text: 'drf-authentify', link: '/coming-from/drf-authentify' },
      { text: 'django-rest-knox', link: '/coming-from/django-rest-knox' },
    ],
  },
  { text: 'FAQ', link: '/faq' },
];

export default defineConfig({
  title: 'nestjs-authentify',
  description: 'Database-backed sessions for NestJS and TypeORM, with opaque access and refresh tokens.',
  lang: 'en',
  base: process.env.DOCS_BASE ?? '/',
  srcExclude: ['README.md', 'snippets/**', 'tools/**'],
  head: [
    ['link', { rel: 'icon', type: 'image/svg+xml', href: `${process.env.DOCS_BASE ?? '/'}logo.svg` }],
    ['meta', { name: 'theme-color', content: '#0f766e' }],
  ],
  // Dead links fail the build; `docs:check` looks at anchors too.
  ignoreDeadLinks: false,
  // The search index exceeds the 500 kB at which Vite warns; only a search loads it.
  vite: { build: { chunkSizeWarningLimit: 1_000 } },
  markdown: {
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config: inlineDiagrams,
  },
  themeConfig: {
    logo: '/logo.svg',
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/guide/quick-start', activeMatch: '^/(guide|concepts|recipes)/' },
      { text: 'Options', link: '/reference/options' },
      { text: 'API', link: '/api/', activeMatch: '^/api/' },
      { text: 'FAQ', link: '/faq' },
      { text: `v${version}`, link: '/api/' },
    ],
    sidebar: { '/': sidebar, '/api/': [...apiSidebar(), { text: 'Back to the guides', link: '/guide/quick-start' }] },
    footer: { message: 'Released under the MIT licence.' },
  },
});
