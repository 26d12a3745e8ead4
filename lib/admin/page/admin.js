import * as api from './api.js';
import { openDetails } from './details.js';
import { absolute, timeOfId } from './format.js';
import { openIssue } from './issue.js';
import { wantsDelete, wantsRevoke, wantsRevokeAll } from './questions.js';
import { isOver, nameOf, show } from './session.js';
import { onHistory, queryOf, setView, view } from './view.js';

const LIMIT = 50;
const byId = (id) => document.getElementById(id);
const filters = byId('filters');

/** The cursor of the next page. */
let next = null;
let loading = new AbortController();

function go(changes) {
  setView(changes);
  void load();
}

/** Loads a page. A short page with a `next` is continued: rare sessions are searched in several requests. */
async function load() {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  showControls();
  byId('failure').textContent = '';
  byId('results').setAttribute('aria-busy', 'true');
  const found = [];
  try {
    next = view.trail.at(-1);
    do {
      const query = { ...queryOf(view.filters), limit: LIMIT - found.length, ...(next && { after: next }) };
      const page = await api.list(query, signal);
      found.push(...page.sessions);
      next = page.next;
      showRows(found);
      if (next && found.length < LIMIT) say(`${count(found)}, searched back to ${absolute(timeOfId(next))} …`);
    } while (next && found.length < LIMIT);
    say(`${count(found)}${next ? ', and there are older ones' : ''}`);
  } catch (error) {
    if (signal.aborted) return;
    say('');
    byId('failure').textContent = error.message;
  }
  byId('results').removeAttribute('aria-busy');
  byId('older').disabled = !next;
}

const count = ({ length }) => (length === 1 ? '1 session' : `${length} sessions`);

function say(text) {
  byId('status').textContent = text;
}

function showControls() {
  for (const field of filters.querySelectorAll('[name]')) field.value = view.filters[field.name] ?? '';
  const { user } = view.filters;
  byId('choices').hidden = true;
  byId('chosen').hidden = user === undefined;
  document.querySelector('[data-chosen]').textContent = `user ${user}`;
  byId('newest').disabled = byId('newer').disabled = view.trail.length === 0;
  byId('older').disabled = true;
}

function showRows(sessions) {
  byId('rows').replaceChildren(...sessions.map(rowOf));
  const { user } = view.filters;
  if (user && sessions.length > 0) document.querySelector('[data-chosen]').textContent = nameOf(sessions[0]);
  byId('nothing').hidden = sessions.length > 0;
}

function rowOf(session) {
  const row = byId('row').content.cloneNode(true).firstElementChild;
  show(row, session);
  const on = (action, work) => {
    const button = row.querySelector(`[data-action=${action}]`);
    button.addEventListener('click', work);
    return button;
  };
  on('choose', () => choose(session.userId)).title = 'Show the sessions of this user';
  on('details', () => openDetails(session, { revoke, delete: remove, changed: reload })).ariaLabel =
    `Details of the session of ${nameOf(session)}`;
  const end = on('revoke', () => revoke(session));
  end.ariaLabel = `Revoke the session of ${nameOf(session)}…`;
  end.hidden = isOver(session);
  return row;
}

function choose(userId) {
  go({ filters: { ...view.filters, user: String(userId) }, trail: [] });
}

/** Loads the list again, and reports the change. */
async function reload(done) {
  await load();
  if (byId('failure').textContent === '') say(done);
}

/** Runs a change, loads the list again, and reports the result. */
async function change(work) {
  try {
    await reload(await work());
  } catch (error) {
    byId('failure').textContent = error.message;
  }
  byId('results').focus();
}

async function revoke(session, leave) {
  if (!(await wantsRevoke(session))) return;
  leave?.();
  await change(async () => {
    await api.revoke(session.id);
    return `The session of ${nameOf(session)} has been revoked.`;
  });
}

async function remove(session, leave) {
  if (!(await wantsDelete(session))) return;
  leave?.();
  await change(async () => {
    const { deleted } = await api.remove(session.id);
    return `The session of ${nameOf(session)} has been ${deleted ? 'deleted' : 'revoked; its row is kept'}.`;
  });
}

async function revokeAll() {
  const { user } = view.filters;
  if (!(await wantsRevokeAll(user))) return;
  await change(async () => {
    await api.revokeAll(user);
    return `All sessions of user ${user} have been revoked.`;
  });
}

filters.addEventListener('submit', async (event) => {
  event.preventDefault();
  const entries = [...new FormData(filters)].filter(([, value]) => value.trim() !== '');
  const { search, ...given } = Object.fromEntries(entries);
  const { user } = view.filters;
  if (search) await find(search.trim(), given);
  else go({ filters: { ...given, ...(user && { user }) }, trail: [] });
});

/** Finds users by text. Shows the sessions of a single match; offers a choice of several. */
async function find(search, given) {
  byId('failure').textContent = '';
  try {
    const { users } = await api.users(search);
    if (users.length === 1) go({ filters: { ...given, user: String(users[0].id) }, trail: [] });
    else showChoices(search, users, (user) => go({ filters: { ...given, user: String(user.id) }, trail: [] }));
  } catch (error) {
    byId('failure').textContent = error.message;
  }
}

function showChoices(search, users, choose) {
  const title = byId('choices-title');
  title.textContent = users.length === 0 ? `No user matches “${search}”` : `Several users match “${search}”`;
  const choices = users.map((user) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = nameOf({ userId: user.id, userLabel: user.label });
    button.addEventListener('click', () => choose(user));
    const item = document.createElement('li');
    item.append(button);
    return item;
  });
  byId('choices')
    .querySelector('ul')
    .replaceChildren(...choices);
  byId('choices').hidden = false;
  title.focus();
}

filters.addEventListener('reset', () => go({ filters: {}, trail: [] }));
byId('everybody').addEventListener('click', () => {
  const { user: _, ...rest } = view.filters;
  go({ filters: rest, trail: [] });
});
byId('revoke-all').addEventListener('click', revokeAll);
byId('open-issue').addEventListener('click', () => openIssue(view.filters.user, load));
byId('newest').addEventListener('click', () => go({ trail: [] }));
byId('newer').addEventListener('click', () => go({ trail: view.trail.slice(0, -1) }));
byId('older').addEventListener('click', () => go({ trail: [...view.trail, next] }));
onHistory(load);

void load();
