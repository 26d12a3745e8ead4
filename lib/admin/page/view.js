import { fromLocal } from './format.js';

/**
 * What is shown, as the URL has it, so that Back, Reload and links work: the filters, and the cursors that led to this
 * page, the last one its own.
 */
export let view = viewOfUrl();
let shownQuery = location.search;

function viewOfUrl() {
  const { after, ...filters } = Object.fromEntries(new URLSearchParams(location.search));
  return { filters, trail: history.state?.trail ?? (after ? [after] : []) };
}

/** Goes to another page or filter, with an entry in the browser's history. */
export function setView(changes) {
  view = { ...view, ...changes };
  const after = view.trail.at(-1);
  const query = new URLSearchParams({ ...view.filters, ...(after && { after }) });
  history.pushState({ trail: view.trail }, '', query.size > 0 ? `?${query}` : location.pathname);
  shownQuery = location.search;
}

/** Follows the browser's history. */
export function onHistory(changed) {
  addEventListener('popstate', () => {
    // Skipping to the sessions is an entry, too, and shows nothing else.
    if (location.search === shownQuery) return;
    shownQuery = location.search;
    view = viewOfUrl();
    changed();
  });
}

/** What the server is asked: days of the reader's time zone become instants, the last one whole. */
export function queryOf({ createdFrom, createdTo, expiresFrom, expiresTo, ...rest }) {
  const instants = {
    createdFrom: createdFrom && fromLocal(createdFrom),
    createdTo: createdTo && fromLocal(createdTo, { endOfDay: true }),
    expiresFrom: expiresFrom && fromLocal(expiresFrom),
    expiresTo: expiresTo && fromLocal(expiresTo, { endOfDay: true }),
  };
  return Object.fromEntries(Object.entries({ ...rest, ...instants }).filter(([, value]) => value));
}
