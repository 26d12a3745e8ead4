// The package.json of an app that uses the packed library: node manifest.mjs current|oldest path/to/packed.tgz
// With the names of optional peers after that, they are among its dependencies.
import { readFileSync } from 'node:fs';

const [peers, tarball, ...optional] = process.argv.slice(2);
const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));

/** The oldest peers the library says it works with; of Nest the newest release of that major version. */
const OLDEST = {
  '@nestjs/common': '^11.0.0',
  '@nestjs/core': '^11.0.0',
  '@nestjs/passport': '^11.0.0',
  '@nestjs/platform-express': '^11.0.0',
  '@nestjs/swagger': '^11.0.0',
  '@nestjs/typeorm': '^11.0.0',
  'reflect-metadata': '0.1.13',
  rxjs: '7.2.0',
  typeorm: '0.3.20',
};

const needed = Object.keys(OLDEST).filter((name) => name !== '@nestjs/swagger' || optional.includes(name));
const names = [...needed, 'passport', 'sql.js', 'typescript', '@types/node', '@types/express'];
const versionOf = (name) => (peers === 'oldest' && OLDEST[name]) || devDependencies[name];
const versions = Object.fromEntries(names.map((name) => [name, versionOf(name)]));
const dependencies = { ...versions, 'nestjs-authentify': `file:${tarball}` };
console.log(JSON.stringify({ name: `consumer-${peers}`, private: true, dependencies }, null, 2));
