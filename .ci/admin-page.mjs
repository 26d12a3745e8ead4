// The last part of `npm run build`: writes the admin's page as text in the place of what tsc made of
// lib/admin/page-files.ts, which reads it from a folder.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const FOLDER = 'lib/admin/page/';
const texts = Object.fromEntries(readdirSync(FOLDER).map((name) => [name, readFileSync(FOLDER + name, 'utf8')]));
writeFileSync('dist/admin/page-files.js', `export const PAGE_FILES = ${JSON.stringify(texts, null, 2)};\n`);
