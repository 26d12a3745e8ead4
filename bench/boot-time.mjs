// What the module adds to the start of an app: the same app with and without it, each in a process of its own, in turn.
//   npm run build && node bench/boot-time.mjs [rounds]
// Prints medians: milliseconds from the start of the process to everything imported, and on to the app listening.
import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const VARIANTS = ['without', 'with', 'without again'];
const [, file, argument = '15'] = process.argv;

if (VARIANTS.includes(argument)) await boot(argument === 'with');
else await compare(Number(argument));

async function boot(withModule) {
  const { NestFactory } = await import('@nestjs/core');
  await import('@nestjs/passport');
  const { TypeOrmModule } = await import('@nestjs/typeorm');
  const { Column, Entity, PrimaryGeneratedColumn } = await import('typeorm');
  const before = performance.now();
  const { AuthentifyModule } = withModule ? await import('../dist/index.js') : {};
  const imported = performance.now();

  class User {}
  Entity('users')(User);
  PrimaryGeneratedColumn({ type: 'int' })(User.prototype, 'id');
  Column({ type: 'varchar' })(User.prototype, 'name');
  const database = TypeOrmModule.forRoot({
    type: 'sqljs',
    entities: [User],
    autoLoadEntities: true,
    synchronize: true,
  });
  class App {}
  const imports = withModule ? [AuthentifyModule.forRoot({ userEntity: User })] : [];
  const app = await NestFactory.create({ module: App, imports: [database, ...imports] }, { logger: false });
  await app.listen(0, '127.0.0.1');
  const listening = performance.now();
  await app.close();
  console.log(JSON.stringify({ 'import of the package': imported - before, 'start to listening': listening }));
}

async function compare(rounds) {
  const times = {};
  for (let round = 0; round < rounds; round += 1) {
    for (const variant of VARIANTS) {
      const { stdout } = await promisify(execFile)(process.execPath, [file, variant]);
      for (const [what, time] of Object.entries(JSON.parse(stdout))) ((times[what] ??= {})[variant] ??= []).push(time);
    }
  }
  for (const [what, byVariant] of Object.entries(times)) {
    for (const [variant, all] of Object.entries(byVariant)) {
      console.log(
        `${what.padEnd(24)} ${variant.padEnd(16)} ${all.toSorted((a, b) => a - b)[rounds >> 1].toFixed(1)} ms`,
      );
    }
  }
}
