#!/usr/bin/env bash
# Walks the sample with two user types as clients would, with curl: customers and staff, by header and by cookie.
#
#   npm run start:user-types                   (in another terminal)
#   bash .ci/walk-user-types.sh http://127.0.0.1:3000
#
# Prints one line per request and exits 1 if any answer was not as expected.
set -uo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/walk-tools.sh"

credentials() { # credentials NAME MODE
  printf '{"email":"%s@example.com","password":"%s-password","mode":"%s"}' "$1" "$1" "$2"
}

walk_header() {
  local ada ada_refresh eve eve_refresh
  echo 'By header'
  expect 200 'a customer logs in' POST /auth/login --json "$(credentials ada header)"
  ada="$(of_body body.accessToken)"
  ada_refresh="$(of_body body.refreshToken)"
  expect 200 'a colleague logs in' POST /staff/auth/login --json "$(credentials eve header)"
  eve="$(of_body body.accessToken)"
  eve_refresh="$(of_body body.refreshToken)"
  expect 401 'a customer is no colleague' POST /staff/auth/login --json "$(credentials ada header)"
  expect 401 'nor the reverse' POST /auth/login --json "$(credentials eve header)"
  expect 200 'the customer is a customer' GET /me -H "$(bearer "$ada")"
  body_says 'by that key' 'body.customer === 1'
  expect 200 'the colleague is a colleague' GET /staff/me -H "$(bearer "$eve")"
  body_says 'by the same key' 'body.colleague === 1'
  expect 401 'a customer token is nothing to staff' GET /staff/me -H "$(bearer "$ada")"
  header_says 'whose realm it is' '^www-authenticate: Bearer realm="staff", error="invalid_token"'
  expect 401 'a staff token is nothing to customers' GET /me -H "$(bearer "$eve")"
  header_says 'whose realm it is' '^www-authenticate: Bearer realm="api", error="invalid_token"'
  expect 401 'nor in their session routes' GET /auth/sessions -H "$(bearer "$eve")"
  expect 401 'either way' GET /staff/auth/sessions -H "$(bearer "$ada")"
  expect 401 'nor can it be refreshed there' POST /auth/refresh --json "$(refresh_body "$eve_refresh")"
  expect 401 'either way' POST /staff/auth/refresh --json "$(refresh_body "$ada_refresh")"
  expect 200 'the customer refreshes' POST /auth/refresh --json "$(refresh_body "$ada_refresh")"
  no_header 'without cookies' '^set-cookie:'
  ada="$(of_body body.accessToken)"
  expect 200 'the colleague refreshes' POST /staff/auth/refresh --json "$(refresh_body "$eve_refresh")"
  body_says 'with a prefix of their own' "body.accessToken.startsWith('staff_at_')"
  eve="$(of_body body.accessToken)"
  expect 400 'a refresh token that is no string' POST /staff/auth/refresh --json '{"refreshToken":1}'
  expect 415 'a form is not read' POST /staff/auth/refresh -d "refreshToken=$eve_refresh"
  expect 200 'the customer lists sessions' GET /auth/sessions -H "$(bearer "$ada")"
  body_says 'one, the current' 'body.length === 1 && body[0].current'
  header_says 'no cache keeps them' '^cache-control: no-store'
  expect 401 'a customer logs no customer out as staff' POST /staff/customers/1/logout -H "$(bearer "$ada")"
  expect 200 'the colleague does' POST /staff/customers/1/logout -H "$(bearer "$eve")"
  body_says 'one session' 'body.ended === 1 && body.colleaguesSessions === 1'
  expect 401 'the customer is out' GET /me -H "$(bearer "$ada")"
  expect 200 'the colleague is not' GET /staff/me -H "$(bearer "$eve")"
  expect 204 'and logs out' POST /staff/auth/logout -H "$(bearer "$eve")"
  expect 204 'as often as one likes' POST /staff/auth/logout -H "$(bearer "$eve")"
  expect 401 'and is out' GET /staff/me -H "$(bearer "$eve")"
}

walk_cookie() {
  local jar="$WORK/jar" kept
  echo 'By cookie, both in one browser'
  expect 200 'a customer logs in' POST /auth/login -b "$jar" -c "$jar" --json "$(credentials ada cookie)"
  body_says 'no token is in the body' "!JSON.stringify(body).includes('_at_')"
  expect 200 'a colleague logs in' POST /staff/auth/login -b "$jar" -c "$jar" --json "$(credentials eve cookie)"
  header_says 'under names of their own' '^set-cookie: staff-token=staff_at_'
  expect 200 'the browser is the customer' GET /me -b "$jar"
  expect 200 'and the colleague' GET /staff/me -b "$jar"
  expect 401 'a customer token in a staff cookie is nothing' GET /staff/me -H "Cookie: staff-token=$(cookie_in_jar token)"
  expect 401 'nor the reverse' GET /me -H "Cookie: token=$(cookie_in_jar staff-token)"
  expect 403 'other sites refresh nothing' POST /staff/auth/refresh -b "$jar" -H 'Sec-Fetch-Site: cross-site'
  expect 403 'and log nobody out' POST /auth/logout -b "$jar" -H 'Origin: https://evil.example'
  no_header 'and leave the cookies' '^set-cookie:'
  kept="$(cookie_in_jar staff-token)"
  expect 200 'the colleague refreshes by cookie' POST /staff/auth/refresh -b "$jar" -c "$jar"
  body_says 'no token is in the body' "body.expiresAt && !JSON.stringify(body).includes('_at_')"
  expect 401 'the old cookie is dead' GET /staff/me -H "Cookie: staff-token=$kept"
  expect 200 'the new one lives' GET /staff/me -b "$jar"
  expect 200 'a second login elsewhere' POST /staff/auth/login --json "$(credentials eve header)"
  expect 200 'is in the list' GET /staff/auth/sessions -b "$jar"
  body_says 'beside this one' 'body.length === 2 && body.filter(({ current }) => current).length === 1'
  expect 204 'and ended with all others' POST /staff/auth/logout-others -b "$jar"
  expect 200 'which leaves one' GET /staff/auth/sessions -b "$jar"
  body_says 'the current' 'body.length === 1 && body[0].current'
  expect 204 'nonsense ends nothing' DELETE /staff/auth/sessions/nonsense -b "$jar"
  expect 204 'the colleague logs out' POST /staff/auth/logout -b "$jar"
  header_says 'the access cookie is removed' '^set-cookie: staff-token=; Max-Age=0'
  header_says 'the refresh cookie is removed' '^set-cookie: staff-refresh-token=; Max-Age=0'
  no_header 'the customer’s are not' '^set-cookie: token='
  expect 200 'the customer is still in' GET /me -b "$jar"
  expect 204 'and logs out everywhere' POST /auth/logout-all -b "$jar"
  header_says 'which removes those cookies' '^set-cookie: token=; Max-Age=0'
  expect 401 'and ends the session' GET /me -b "$jar"
}

walk_header
walk_cookie
finish_walk
