import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type DataSource, InstanceChecker } from 'typeorm';
import { EXTRA_NAMES } from '../module-extras.js';
import { UsageError } from './failure.js';

/** Loads the data source from the file that the TypeORM command line uses. */
export async function loadDataSource(file: string): Promise<DataSource> {
  const found = new Set(await Promise.all(await exportsOf(file)));
  const dataSources = [...found].filter((value) => InstanceChecker.isDataSource(value));
  const [dataSource] = dataSources;
  if (dataSources.length !== 1 || !dataSource) {
    throw new UsageError(`${file} must export one DataSource; it exports ${dataSources.length}`);
  }
  return dataSource;
}

/** Loads the options: an object, or a function that returns it, as the default or only export. Extras are removed. */
export async function loadOptions(file: string): Promise<Record<string, unknown>> {
  const [first, ...others] = await exportsOf(file);
  const options: unknown = typeof first === 'function' ? await (first as () => unknown)() : await first;
  if (others.length > 0 || typeof options !== 'object' || options === null) {
    throw new UsageError(`${file} must export only the options of AuthentifyModule, or a function that returns them`);
  }
  return Object.fromEntries(Object.entries(options).filter(([name]) => !EXTRA_NAMES.includes(name)));
}

/** The exported values without duplicates; only the default export if there is one. */
async function exportsOf(file: string): Promise<unknown[]> {
  const module = await importFile(file);
  const main = module.default;
  // A compiled CommonJS module is its own default export.
  const compiled = typeof main === 'object' && main !== null && '__esModule' in main;
  if (compiled) return valuesOf(main);
  return valuesOf(module);
}

function valuesOf(module: Record<string, unknown>): unknown[] {
  return module.default === undefined ? [...new Set(Object.values(module))] : [module.default];
}

async function importFile(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(`${file} cannot be loaded: ${reasonOf(file, error)}`, { cause: error });
  }
}

/** Codes of Node's own load errors. Other errors may contain values of the app. */
const LOADING =
  /^(?:MODULE_NOT_FOUND|ERR_(?:MODULE_NOT_FOUND|UNKNOWN_FILE_EXTENSION|UNKNOWN_MODULE_FORMAT|REQUIRE_\w+|\w+_TYPESCRIPT_SYNTAX|UNSUPPORTED_\w+|PACKAGE_\w+|INVALID_(?:MODULE_SPECIFIER|PACKAGE_\w+)))$/;

/** Node's own message and a remedy; messages of the app's code may contain configuration. */
function reasonOf(file: string, error: unknown): string {
  const { name, message, code } = error as Error & { code?: unknown };
  const isNodes = error instanceof SyntaxError || (typeof code === 'string' && LOADING.test(code));
  const reason = isNodes ? message : `it throws ${name}`;
  return /\.[cm]?tsx?$/.test(file)
    ? `${reason}. Compile your app and name the JavaScript file, such as dist/data-source.js`
    : reason;
}
