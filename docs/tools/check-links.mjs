// Checks that every link inside the built site, and inside the Markdown files as a code host shows them, leads somewhere:
// to a file that exists and, where it names one, to an anchor on it. Other sites are not asked.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import GithubSlugger from 'github-slugger';
import { isGenerated, pages, read, ROOT } from './markdown.mjs';

const SITE = join(ROOT, 'docs/.vitepress/dist');
const problems = [];
/** Where npm's page of the package leads: README.md stands there without the files beside it. */
const { repository } = JSON.parse(read('package.json'));
const HOST = repository.url.replace(/^git\+|\.git$/g, '');
const RAW = HOST.replace('https://github.com', 'https://raw.githubusercontent.com');
const counts = { 'in the site': 0, 'in Markdown files': 0, 'of other sites, not asked': 0 };

// --- The site as built

const decode = (text) => text.replaceAll('&amp;', '&').replaceAll('&#x27;', "'").replaceAll('&quot;', '"');
const html = new Map(
  readdirSync(SITE, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.html'))
    .map((path) => [path, readFileSync(join(SITE, path), 'utf8')]),
);
const idsOf = new Map(
  [...html].map(([path, text]) => [path, new Set([...text.matchAll(/\bid="([^"]*)"/g)].map(([, id]) => decode(id)))]),
);

function checkSiteLink(from, href) {
  const base = process.env.DOCS_BASE ?? '/';
  const [path, anchor] = decode(href).split('#');
  let target = from;
  if (path !== '') {
    target = path.startsWith('/') ? path.slice(base.length) : posix.join(posix.dirname(from), path);
    if (target === '' || target.endsWith('/')) target += 'index.html';
  }
  const page = [target, `${target}.html`].find((name) => html.has(name));
  if (!page && !existsSync(join(SITE, target))) problems.push(`site/${from}: ${href} leads nowhere`);
  if (page && anchor && !idsOf.get(page).has(decodeURIComponent(anchor)))
    problems.push(`site/${from}: ${href} has no such anchor`);
}

for (const [path, text] of html) {
  if (path === '404.html') continue;
  for (const [, href] of text.matchAll(/<a\b[^>]*?\shref="([^"]*)"/g)) {
    if (/^(https?:|mailto:)/.test(href) || href.startsWith('http')) counts['of other sites, not asked'] += 1;
    else {
      counts['in the site'] += 1;
      checkSiteLink(path, href);
    }
  }
}

// --- The Markdown files

const withoutCode = (text) =>
  text.replaceAll(/^(```+)[^]*?^\1$/gm, '').replaceAll(/`[^`\n]*`/g, (code) => 'x'.repeat(code.length));

function anchorsOf(path) {
  const slugger = new GithubSlugger();
  const headings = read(path)
    .replaceAll(/^(```+)[^]*?^\1$/gm, '')
    .matchAll(/^#{1,6} (.*)$/gm);
  return new Set(
    [...headings].map(([, heading]) =>
      slugger.slug(heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '')),
    ),
  );
}

function checkFileLink(from, href) {
  const [path, anchor] = href.split('#');
  let target = path === '' ? from : posix.join(dirname(from), path);
  if (path.startsWith('/')) target = `docs${path}`;
  const file = [target, `${target}.md`, posix.join(target, 'index.md')].find(
    (name) => existsSync(ROOT + name) && statSync(ROOT + name).isFile(),
  );
  if (!file && !existsSync(ROOT + target)) problems.push(`${from}: ${href} leads nowhere`);
  if (anchor && (!file?.endsWith('.md') || !anchorsOf(file).has(decodeURIComponent(anchor))))
    problems.push(`${from}: ${href} has no such anchor`);
}

for (const path of pages()) {
  // The generated reference was looked at as part of the site.
  if (isGenerated(path)) continue;
  for (const [, href] of withoutCode(read(path)).matchAll(/\]\(<?([^)>\s]+)>?\)/g)) {
    const own = [`${HOST}/blob/main/`, `${HOST}/tree/main/`, `${RAW}/main/`].find((start) => href.startsWith(start));
    if (own) {
      counts['in Markdown files'] += 1;
      checkFileLink('README.md', href.slice(own.length));
    } else if (/^(https?:|mailto:)/.test(href)) counts['of other sites, not asked'] += 1;
    else {
      counts['in Markdown files'] += 1;
      checkFileLink(path, href);
      if (path === 'README.md' && !href.startsWith('#')) problems.push(`${path}: ${href} leads nowhere from npm`);
    }
  }
}

console.log(
  `links: ${Object.entries(counts)
    .map(([label, count]) => `${count} ${label}`)
    .join(', ')}; ${html.size} pages`,
);
for (const text of problems) console.error(text);
if (problems.length > 0) process.exit(1);
