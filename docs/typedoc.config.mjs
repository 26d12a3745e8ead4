import { readFileSync } from 'node:fs';

const { exports: exported } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

export default {
  plugin: ['typedoc-plugin-markdown', 'typedoc-vitepress-theme', './tools/typedoc-injected.mjs'],
  // Whatever can be imported from the package.
  entryPoints: Object.values(exported)
    .filter((entry) => typeof entry === 'object')
    .map(({ types }) => types.replace(/^\.\/dist\/(.*)\.d\.ts$/, '../lib/$1.ts')),
  tsconfig: '../tsconfig.build.json',
  out: 'api',
  docsRoot: '.',
  name: 'API reference',
  readme: 'none',
  disableSources: true,
  excludeInternal: true,
  excludePrivate: true,
  excludeExternals: true,
  treatWarningsAsErrors: true,
  validation: { notExported: false, invalidLink: true, rewrittenLink: true, notDocumented: false },
  hidePageHeader: true,
  hideBreadcrumbs: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'list',
  expandObjects: true,
};
