import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Pages that TypeDoc writes, from doc comments; their examples are fragments, for editors to show. */
export const isGenerated = (path) => path.startsWith('docs/api/');

/** Every Markdown file that users may read, by its path from the root: the site's pages, and the files beside it. */
export function pages() {
  const inDocs = readdirSync(`${ROOT}docs`, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md') && !/(^|\/)(node_modules|\.vitepress|snippets)\//.test(path))
    .map((path) => `docs/${path}`);
  const samples = readdirSync(`${ROOT}sample`).map((name) => `sample/${name}/README.md`);
  const beside = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  const ofFolders = ['.ci', 'bench', 'test', 'vectors'].map((name) => `${name}/README.md`);
  return [...beside, ...ofFolders, ...samples, ...inDocs].toSorted();
}

export const read = (path) => readFileSync(ROOT + path, 'utf8');

/** A fence, and the comment just above it. */
const BLOCK =
  /(?:^<!-- (?<comment>(?:(?!-->)[^])*?)-->\n\n?)?^(?<fence>```+)(?<language>[\w-]*)[^\n]*\n(?<code>[^]*?)^\k<fence>$/gm;

/**
 * The fenced code blocks of a page. A comment above one, which readers do not see, may say what stands before the code
 * when it is compiled, `<!-- before: … -->`, or why it is not compiled, `<!-- not compiled: … -->`.
 */
export function blocksOf(path) {
  const text = read(path);
  const fences = text.match(/^ *```/gm)?.length ?? 0;
  const blocks = [...text.matchAll(BLOCK)].map(({ 0: all, index, groups }) => {
    const { comment = '', language, code } = groups;
    const before = /^before:\s*([^]*)$/.exec(comment)?.[1].trim() ?? '';
    const reason = /^not compiled:\s*([^]*)$/.exec(comment)?.[1].trim() ?? null;
    const above = text.slice(0, index) + all.slice(0, all.lastIndexOf(code));
    return { path, line: above.split('\n').length, language, code, before, reason };
  });
  if (fences !== blocks.length * 2) throw new Error(`${path}: indented or unfinished code blocks cannot be checked`);
  return blocks;
}
