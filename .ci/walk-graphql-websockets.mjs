// What walk-graphql-websockets.sh does, with clients of GraphQL subscriptions and Socket.IO.
import { createClient } from 'graphql-ws';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';

const BASE = process.argv[2];
let good = 0;
let bad = 0;

/** An answer must match, within ten seconds. */
async function shows(name, pattern, answer) {
  const late = new Promise((resolve) => {
    setTimeout(resolve, 10_000, 'no answer within 10 s').unref();
  });
  const text = JSON.stringify(await Promise.race([answer, late]));
  if (pattern.test(text)) good += 1;
  else {
    bad += 1;
    console.log(`not as expected: ${name}\n${text}`);
  }
}

async function post(path, body, token) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(BASE + path, { method: 'POST', headers, body: JSON.stringify(body) });
  return response.status === 204 ? 204 : response.json();
}
const query = (text, token) => post('/graphql', { query: text }, token);

/** A socket of subscriptions, and what it is closed with. */
function subscriber(token) {
  const client = createClient({
    url: `${BASE.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${token}` },
    retryAttempts: 0,
  });
  const connected = new Promise((resolve) => {
    client.on('connected', resolve);
  });
  const closed = new Promise((resolve) => {
    client.on('closed', ({ code, reason }) => resolve({ code, reason }));
  });
  return { client, connected, closed };
}

/** A socket of the chat, and what becomes of it. */
function chatter(token) {
  const socket = io(BASE, { transports: ['websocket'], reconnection: false, auth: { token } });
  const happens = (event) =>
    new Promise((resolve) => {
      socket.once(event, (detail) => resolve(detail instanceof Error ? detail.data : (detail ?? event)));
    });
  return { socket, happens };
}

const { accessToken } = await post('/auth/login', { email: 'demo@example.com' });
await shows('a query is answered', /"email":"demo@example.com"/, query('{ me { email } }', accessToken));
await shows('not without a token', /"code":"UNAUTHENTICATED".*invalid_token/, query('{ me { email } }'));

const subscription = subscriber(accessToken);
const events = subscription.client.iterate({ query: 'subscription { posted { by text } }' });
/** The next event that has this text, whatever comes before it. */
async function eventWith(text) {
  for (;;) {
    const event = await events.next();
    if (event.done || event.value.data?.posted.text === text) return event;
  }
}
const overSocket = eventWith('over Socket.IO');
await subscription.connected;

const chat = chatter(accessToken);
await shows('the chat connects', /connect/, chat.happens('connect'));
const exception = chat.happens('exception');
const disconnected = chat.happens('disconnect');
const posted = chat.happens('posted');
// Again and again, because nobody can tell when the subscription has begun.
const posting = setInterval(() => chat.socket.emit('post', 'over Socket.IO'), 200);
await shows('the chat posts in the name of the user', /"by":"demo@example.com"/, posted);
await shows('and subscribers are told', /over Socket.IO/, overSocket);
clearInterval(posting);

const overHttp = eventWith('over HTTP');
await shows(
  'a mutation posts too',
  /"text":"over HTTP"/,
  query('mutation { post(text: "over HTTP") { text } }', accessToken),
);
await shows('and subscribers are told again', /"text":"over HTTP"/, overHttp);
await shows('a socket without a session is refused', /invalid_token/, chatter('af_at_bad').happens('connect_error'));

const end = eventWith('the end').catch(({ code }) => ({ code }));
await shows('the user logs out', /204/, post('/auth/logout', {}, accessToken));
await shows('the socket of subscriptions is closed', /"code":4401,"reason":"Unauthorized"/, subscription.closed);
await shows('and its subscription over', /4401|"done":true/, end);
await shows('the chat is told why', /"errorCode":"invalid_token"/, exception);
await shows('and disconnected', /io server disconnect/, disconnected);
await shows('queries are refused', /UNAUTHENTICATED/, query('{ me { email } }', accessToken));

console.log(`Walk: ${good} of ${good + bad} checks as expected`);
process.exit(bad === 0 ? 0 : 1);
