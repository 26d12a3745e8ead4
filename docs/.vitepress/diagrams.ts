import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';

/**
 * Puts the SVG files that pages show as images into the page, so that they follow its light and dark theme. The files
 * have colours of their own for everywhere else; those are left out here, and `theme/style.css` has them instead.
 */
export function inlineDiagrams(markdown: MarkdownRenderer): void {
  const image = markdown.renderer.rules.image;
  markdown.renderer.rules.image = (tokens, index, options, environment: { path: string }, self) => {
    const token = tokens[index];
    const source = token?.attrGet('src') ?? '';
    if (!token || !/diagrams\/[\w-]+\.svg$/.test(source)) {
      return image?.(tokens, index, options, environment, self) ?? '';
    }
    const svg = readFileSync(join(dirname(environment.path), source), 'utf8')
      .replace(/<style>.*?<\/style>\s*/s, '')
      .replace(/<title>.*?<\/title>\s*/s, '');
    const label = markdown.utils.escapeHtml(token.content);
    return svg.replace('<svg ', `<svg class="diagram" aria-label="${label}" v-pre `);
  };
}
