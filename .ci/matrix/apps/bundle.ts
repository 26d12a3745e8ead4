// Bundles and minifies bundle.app.ts with the library in it, as apps are bundled, and runs it: node build/bundle.js webpack|esbuild
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import webpack from 'webpack';

const entry = join(process.cwd(), 'build/bundle.app.js');
const isModule = typeof module === 'undefined';
const folder = join(process.cwd(), 'bundled');

/** What goes into the bundle, with the app: the library and its dependencies. Everything else stays a package. */
const BUNDLED = /^(\.|\/|nestjs-authentify|cookie$|ms$|passport-custom$|uuid$)/;

async function withEsbuild(outfile: string): Promise<void> {
  const external = {
    name: 'external',
    setup: (building: import('esbuild').PluginBuild) =>
      building.onResolve({ filter: /.*/ }, ({ path }) => (BUNDLED.test(path) ? undefined : { path, external: true })),
  };
  const format = isModule ? 'esm' : 'cjs';
  // Dependencies that are CommonJS call require.
  const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    format,
    plugins: [external],
    ...(isModule && { banner }),
  });
}

async function withWebpack(filename: string): Promise<void> {
  const type = isModule ? 'module' : 'commonjs';
  const config: webpack.Configuration = {
    mode: 'production',
    target: 'node',
    entry,
    experiments: { outputModule: isModule },
    output: { path: folder, filename, module: isModule, library: { type: isModule ? 'module' : 'commonjs2' } },
    externals: [({ request = '' }, use) => (BUNDLED.test(request) ? use() : use(undefined, `${type} ${request}`))],
  };
  await new Promise<void>((resolve, reject) => {
    webpack(config, (error, stats) => {
      const failure = error ?? (stats?.hasErrors() ? new Error(stats.toString('errors-only')) : null);
      if (failure) reject(failure);
      else resolve();
    });
  });
}

async function main(bundler: string): Promise<void> {
  const name = `${bundler}-${process.version}.${isModule ? 'mjs' : 'cjs'}`;
  await (bundler === 'webpack' ? withWebpack(name) : withEsbuild(join(folder, name)));
  if (!existsSync(join(folder, name))) throw new Error(`${bundler} made nothing`);
  process.stdout.write(execFileSync(process.execPath, [join(folder, name)]));
}

main(process.argv[2] ?? '').catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
