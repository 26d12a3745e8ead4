const WIDTH = 760;
const LABEL = 250;
const ROW = 26;
const TOP = 64;

/**
 * Horizontal bars of two parts each, as SVG.
 *
 * @param bars `{ label, parts: [number, number], isOurs }`, in order.
 */
export function barChart({ title, legend, unit, bars }) {
  const longest = Math.max(...bars.map(({ parts }) => parts[0] + parts[1]));
  const scale = (WIDTH - LABEL - 90) / longest;
  const height = TOP + bars.length * ROW + 16;
  const row = ({ label, parts, isOurs }, index) => {
    const y = TOP + index * ROW;
    const [first, second] = parts.map((part) => part * scale);
    return `<text x="${LABEL - 10}" y="${y + 14}" text-anchor="end"${isOurs ? ' font-weight="bold"' : ''}>${escaped(label)}</text>
<rect x="${LABEL}" y="${y}" width="${first.toFixed(1)}" height="18" fill="${isOurs ? '#1a7f37' : '#57606a'}"/>
<rect x="${(LABEL + first).toFixed(1)}" y="${y}" width="${second.toFixed(1)}" height="18" fill="${isOurs ? '#7fd18f' : '#afb8c1'}"/>
<text x="${(LABEL + first + second + 8).toFixed(1)}" y="${y + 14}">${Math.round(parts[0] + parts[1])} ${unit}</text>`;
  };
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}" font-family="system-ui, sans-serif" font-size="13" fill="#1f2328">
<rect width="${WIDTH}" height="${height}" rx="6" fill="#ffffff"/>
<text x="16" y="26" font-size="15" font-weight="bold">${escaped(title)}</text>
<text x="16" y="46" fill="#57606a">${escaped(legend)}</text>
${bars.map(row).join('\n')}
</svg>
`;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
