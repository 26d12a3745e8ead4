import { api, renewals } from './api.js';

const LOOK_EVERY = 5_000;

const find = (id) => document.getElementById(id);
/** Logging in or out concerns all tabs of this browser. */
const tabs = new BroadcastChannel('session');
const clock = new Intl.DateTimeFormat('en', { timeStyle: 'short' });
const calendar = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const noRenewal = find('renewals').textContent;
let renewed = 0;

/** Shows who is logged in and where, or the form. */
async function show() {
  const me = await load('/api/me');
  const sessions = me && (await load('/api/sessions'));
  const isLoggedIn = Boolean(sessions);
  for (const id of ['who', 'logout', 'account']) find(id).hidden = !isLoggedIn;
  const formAppears = find('login').hidden && !isLoggedIn;
  find('login').hidden = isLoggedIn;
  if (formAppears) forget();
  if (isLoggedIn) showAccount(me, sessions);
}

/** What the API says; `null` for somebody who is not logged in. */
async function load(path) {
  const response = await api(path);
  if (response.status === 401) return null;
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

function showAccount(me, sessions) {
  const current = sessions.find((session) => session.current);
  const others = sessions.filter((session) => session !== current);
  find('who').textContent = me.email;
  find('initial').textContent = me.email.charAt(0);
  find('profile-email').textContent = me.email;
  find('profile-since').textContent = `Logged in here since ${time(current.createdAt)}`;
  find('count').textContent = sessions.length;
  find('end-others').disabled = others.length === 0;
  showDevices([current, ...others]);
}

/** Leaves the list alone where nothing changed, so that nobody loses the focus. */
function showDevices(sessions) {
  const list = find('devices');
  const shown = JSON.stringify(sessions);
  if (list.shown === shown) return;
  list.shown = shown;
  list.replaceChildren(...sessions.map(deviceItem));
}

function deviceItem(session) {
  const { name, isPhone } = session.context;
  const item = find('device').content.cloneNode(true).firstElementChild;
  const part = (className) => item.querySelector(`.${className}`);
  item.classList.toggle('is-phone', isPhone);
  part('name').textContent = name;
  part('badge').hidden = !session.current;
  const renewal = session.lastRefreshedAt === session.createdAt ? '' : ` · renewed ${time(session.lastRefreshedAt)}`;
  part('times').textContent = `Since ${time(session.createdAt)}${renewal}`;
  const end = part('end');
  end.textContent = session.current ? 'Log out this device' : 'Log out';
  if (!session.current) end.ariaLabel = `Log out ${name}`;
  end.addEventListener(
    'click',
    guarded(() => (session.current ? logout() : endSession(session))),
  );
  return item;
}

function time(iso) {
  const then = new Date(iso);
  const isToday = then.toDateString() === new Date().toDateString();
  return (isToday ? clock : calendar).format(then);
}

function tellTabs() {
  // It reaches this origin alone and takes no other argument.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  tabs.postMessage('changed');
}

/** Nothing private stays in a page that shows the form. */
function forget() {
  for (const id of ['who', 'initial', 'profile-email', 'profile-since', 'status']) find(id).textContent = '';
  find('renewals').textContent = noRenewal;
  showDevices([]);
  find('email').focus();
}

async function login(event) {
  event.preventDefault();
  const form = event.target;
  const submit = form.querySelector('button');
  submit.disabled = true;
  try {
    const response = await fetch('/api/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(Object.fromEntries(new FormData(form))),
    });
    find('login-error').textContent = response.ok ? '' : (await response.json()).message;
    if (!response.ok) return find('password').focus();
    form.reset();
    tellTabs();
    await show();
  } finally {
    submit.disabled = false;
  }
}

async function logout() {
  await api('/api/logout', { method: 'POST' });
  tellTabs();
  await show();
}

async function endSession({ id, context }) {
  await api(`/api/sessions/${id}`, { method: 'DELETE' });
  await show();
  say(`${context.name} is logged out.`);
}

async function endOthers() {
  await api('/api/logout-others', { method: 'POST' });
  await show();
  say('All other devices are logged out.');
}

function say(message) {
  find('status').textContent = message;
  // The button that was pressed may be gone.
  if (document.activeElement === document.body) find('logout').focus();
}

/** A listener that makes what fails visible; the next success takes the message away. */
const guarded = (work) => (event) => void attempt(work, event);

async function attempt(work, event) {
  try {
    await work(event);
    find('problem').hidden = true;
  } catch {
    find('problem').textContent = 'The server does not answer. You are still logged in; this page keeps trying.';
    find('problem').hidden = false;
  }
}

const look = guarded(show);

find('login-form').addEventListener('submit', guarded(login));
find('logout').addEventListener('click', guarded(logout));
find('end-others').addEventListener('click', guarded(endOthers));
tabs.addEventListener('message', look);
renewals.addEventListener('renewed', () => {
  renewed += 1;
  find('renewals').textContent =
    `Session renewed silently at ${new Date().toLocaleTimeString('en')} (${renewed}× in this tab).`;
});
// A page that the back button takes out of memory shows what was true then.
addEventListener('pageshow', (event) => {
  if (event.persisted) look();
});
// So that a session ended elsewhere is seen to end here.
setInterval(() => {
  if (document.visibilityState === 'visible' && find('login').hidden) look();
}, LOOK_EVERY);

look();
