import { fromLocal } from './format.js';

/**
 * The filters and the cursors that led to this page, the last one its own. They are in the URL, so that back, reload and
 * links work.
 */
export let view = viewOfUrl();
let shownQuery = location.search;

function viewOfUrl() {
  const { after, ...filters } = Object.fromEntries(new URLSearchParams(location.search));
  return { filters, trail: history.state?.trail ?? (after ? [after] : []) };
}

/** Goes to another page or filter, and adds an entry to the browser history. */
export function setView(changes) {
  view = { ...view, ...changes };
  const after = view.trail.at(-1);
  const query = new URLSearchParams({ ...view.filters, ...(after && { after }) });
  history.pushState({ trail: view.trail }, '', query.size > 0 ? `?${query}` : location.pathname);
  shownQuery = location.search;
}

/** Follows the browser history. */
export function onHistory(changed) {
  addEventListener('popstate', () => {
    // The link that skips to the sessions adds an entry too, but changes nothing.
    if (location.search === shownQuery) return;
    shownQuery = location.search;
    view = viewOfUrl();
    changed();
  });
}

/** The query for the server: days in the user's time zone become instants, and the last day is included. */
export function queryOf({ createdFrom, createdTo, expiresFrom, expiresTo, ...rest }) {
  const instants = {
    createdFrom: createdFrom && fromLocal(createdFrom),
    createdTo: createdTo && fromLocal(createdTo, { endOfDay: true }),
    expiresFrom: expiresFrom && fromLocal(expiresFrom),
    expiresTo: expiresTo && fromLocal(expiresTo, { endOfDay: true }),
  };
  return Object.fromEntries(Object.entries({ ...rest, ...instants }).filter(([, value]) => value));
}
