const NUMBER = /^R\d+(?:–R\d+)?$/;

/** A doc comment without the numbers of the requirements it serves, as in "(R25)" and "(RFC 9110 §11.6.1, R61)". */
export function withoutRequirements(text) {
  return text.replaceAll(/\s*\(([^()]*)\)/g, (found, inner) => {
    const items = inner.split(', ');
    const others = items.filter((item) => !NUMBER.test(item));
    if (others.length === items.length) return found;
    return others.length === 0 ? '' : ` (${others.join(', ')})`;
  });
}
