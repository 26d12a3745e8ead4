#!/usr/bin/env bash
# Walks sample 02 with curl, as its page would. What only a browser can show is in test/browser/sample.spec.ts.
#
#   npm run start:browser                      (in another terminal)
#   bash .ci/walk-browser.sh http://127.0.0.1:3000
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/walk-tools.sh"

LOGIN='{"email":"demo@example.com","password":"demo-password"}'
laptop="$WORK/laptop"
phone="$WORK/phone"

echo 'The page'
for path in / /app.js /api.js /app.css /icon.svg; do expect 200 'is served to everybody' GET "$path"; done
header_says 'with a strict policy' "^content-security-policy: default-src 'none'; script-src 'self'"
header_says 'and is kept in no cache' '^cache-control: no-store'
expect 401 'the API is not' GET /api/me

echo 'Log in'
expect 401 'a wrong password' POST /api/login --json '{"email":"demo@example.com","password":"wrong"}'
expect 400 'no credentials' POST /api/login --json '{}'
expect 400 'a form is not read' POST /api/login -d 'email=demo@example.com&password=demo-password'
expect 403 'another site logs nobody in' POST /api/login --json "$LOGIN" -H 'Sec-Fetch-Site: cross-site'
expect 204 'login on the laptop' POST /api/login -c "$laptop" --json "$LOGIN"
header_says 'the access cookie is HttpOnly and Lax' '^set-cookie: browser-token=af_at_.*HttpOnly.*SameSite=Lax'
header_says 'the refresh cookie is HttpOnly and Strict' '^set-cookie: browser-refresh=af_rt_.*HttpOnly.*SameSite=Strict'
expect 204 'login on the phone' POST /api/login -c "$phone" --json "$LOGIN" -A 'Android Firefox/140.0'
expect 200 'who I am' GET /api/me -b "$laptop"

echo 'Refresh'
cp "$laptop" "$WORK/second-tab"
expect 403 'not by a sibling site' POST /api/refresh -b "$laptop" -H 'Sec-Fetch-Site: same-site'
expect 200 'the page renews its session' POST /api/refresh -b "$laptop" -c "$laptop"
expect 200 'so does its second tab, at once' POST /api/refresh -b "$WORK/second-tab" -c "$WORK/second-tab"
expect 200 'both are logged in: the first' GET /api/me -b "$laptop"
expect 200 'and the second' GET /api/me -b "$WORK/second-tab"
expect 401 'nothing to refresh with' POST /api/refresh

echo 'Devices'
expect 200 'the list' GET /api/sessions -b "$laptop"
body_says 'names both, newest first' "body.length === 2 && body[0].context.name === 'Firefox on Android' && body[0].context.isPhone && body[1].current"
id="$(of_body 'body[0].id')"
expect 403 'another site ends nothing' DELETE "/api/sessions/$id" -b "$laptop" -H 'Origin: https://evil.example'
expect 204 'the laptop ends the phone' DELETE "/api/sessions/$id" -b "$laptop"
expect 401 'which is out at once' GET /api/me -b "$phone"
expect 204 'the phone logs in again' POST /api/login -c "$phone" --json "$LOGIN"
expect 204 'and ends all others' POST /api/logout-others -b "$phone"
expect 401 'the laptop is out' GET /api/me -b "$laptop"

echo 'Log out'
expect 204 'logout' POST /api/logout -b "$phone"
header_says 'removes the cookies' '^set-cookie: browser-token=; Max-Age=0'
expect 401 'a kept copy is worthless' GET /api/me -b "$phone"
finish_walk
