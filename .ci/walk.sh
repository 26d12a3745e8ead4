#!/usr/bin/env bash
# Walks the quickstart sample as a client would, with curl: first by header, then by cookie.
#
#   npm start                                  (in another terminal)
#   bash .ci/walk.sh http://127.0.0.1:3000
#
# Prints one line per request and exits 1 if any answer was not as expected.
set -uo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/walk-tools.sh"

credentials() { # credentials NAME MODE DEVICE
  printf '{"email":"%s@example.com","password":"%s-password","mode":"%s","device":"%s"}' "$1" "$1" "$2" "$3"
}

walk_header() {
  local access refresh old_access old_refresh other premium id
  echo 'Before logging in'
  expect 401 'nobody gets in without a token' GET /me
  header_says 'and is told how to authenticate' '^www-authenticate: Bearer realm='
  expect 401 'a wrong password' POST /auth/login --json '{"email":"demo@example.com","password":"wrong","mode":"header"}'
  expect 401 'an unknown address gets the same answer' POST /auth/login --json '{"email":"who@example.com","password":"wrong","mode":"header"}'
  expect 400 'a body without credentials' POST /auth/login --json '{}'
  body_says 'is told what is missing' "/email must be/.test(body.message)"
  expect 400 'an unknown mode' POST /auth/login --json '{"email":"demo@example.com","password":"demo-password","mode":"query"}'
  expect 400 'broken JSON' POST /auth/login --json '{"email":'
  expect 400 'a form cannot log in' POST /auth/login -d 'email=demo@example.com&password=demo-password&mode=cookie'
  expect 400 'nor can JSON in disguise' POST /auth/login -H 'Content-Type: text/plain' -d "$(credentials demo cookie form)"
  expect 401 'a forged token' GET /me -H "$(bearer af_at_forged)"

  echo 'By header'
  expect 200 'login' POST /auth/login --json "$(credentials demo header laptop)"
  header_says 'no cache keeps the answer' '^cache-control: no-store'
  no_header 'no cookie is set' '^set-cookie:'
  access="$(of_body body.accessToken)"
  refresh="$(of_body body.refreshToken)"
  expect 200 'the access token opens /me' GET /me -H "$(bearer "$access")"
  body_says '/me tells who, and no password hash' "body.email === 'demo@example.com' && !JSON.stringify(body).includes('\$2')"
  expect 401 'a header token is refused in a cookie' GET /me -H "Cookie: token=$access"
  expect 401 'a refresh token is no access token' GET /me -H "$(bearer "$refresh")"
  expect 403 'premium is closed to a free plan' GET /premium -H "$(bearer "$access")"

  echo 'Refresh by header'
  old_access="$access"
  old_refresh="$refresh"
  expect 400 'a refresh token that is no string' POST /auth/refresh --json '{"refreshToken":1}'
  expect 401 'an unknown refresh token' POST /auth/refresh --json "$(refresh_body af_rt_unknown)"
  expect 200 'the refresh token gives a new pair' POST /auth/refresh --json "$(refresh_body "$old_refresh")"
  access="$(of_body body.accessToken)"
  refresh="$(of_body body.refreshToken)"
  body_says 'a pair that differs from the old one' "body.accessToken !== '$old_access' && body.refreshToken !== '$old_refresh'"
  expect 401 'the old access token is dead' GET /me -H "$(bearer "$old_access")"
  header_says 'and called invalid' '^www-authenticate: .*error="invalid_token"'
  expect 200 'the new one lives' GET /me -H "$(bearer "$access")"
  expect 200 'a retry with the old refresh token' POST /auth/refresh --json "$(refresh_body "$old_refresh")"
  same 'gets the same pair again' "$(of_body body.accessToken)" "$access"
  expect 401 'a header refresh token is refused in a cookie' POST /auth/refresh --json '{}' -H "Cookie: refresh-token=$refresh"
  expect 200 'refresh once more' POST /auth/refresh --json "$(refresh_body "$refresh")"
  access="$(of_body body.accessToken)"
  refresh="$(of_body body.refreshToken)"
  expect 200 'alive' GET /me -H "$(bearer "$access")"
  expect 401 'a token two generations old is reuse' POST /auth/refresh --json "$(refresh_body "$old_refresh")"
  expect 401 'so the session is over: access' GET /me -H "$(bearer "$access")"
  expect 401 'and refresh' POST /auth/refresh --json "$(refresh_body "$refresh")"

  echo 'Sessions'
  expect 200 'login on the laptop' POST /auth/login --json "$(credentials demo header laptop)"
  access="$(of_body body.accessToken)"
  refresh="$(of_body body.refreshToken)"
  expect 200 'login on the phone' POST /auth/login --json "$(credentials demo header phone)"
  other="$(of_body body.accessToken)"
  expect 200 'the list' GET /auth/sessions -H "$(bearer "$access")"
  body_says 'names both, newest first, and which one is asking' \
    "body.length === 2 && body[0].context.device === 'phone' && body[1].context.device === 'laptop' && body[1].current && !body[0].current"
  id="$(of_body 'body[0].id')"
  expect 401 'ending one needs a session' DELETE "/auth/sessions/$id"
  expect 200 'somebody else logs in' POST /auth/login --json "$(credentials premium header tablet)"
  premium="$(of_body body.accessToken)"
  expect 200 'premium is open to a premium plan' GET /premium -H "$(bearer "$premium")"
  expect 204 'and cannot end a session of others' DELETE "/auth/sessions/$id" -H "$(bearer "$premium")"
  expect 200 'the phone is still in' GET /me -H "$(bearer "$other")"
  expect 204 'the laptop ends the phone' DELETE "/auth/sessions/$id" -H "$(bearer "$access")"
  expect 401 'the phone is out at once' GET /me -H "$(bearer "$other")"
  expect 204 'ending it again changes nothing' DELETE "/auth/sessions/$id" -H "$(bearer "$access")"
  expect 204 'nor does nonsense' DELETE /auth/sessions/nonsense -H "$(bearer "$access")"

  echo 'Logout by header'
  expect 204 'logout' POST /auth/logout -H "$(bearer "$access")"
  no_header 'sets no cookies in header mode' '^set-cookie:'
  expect 401 'access is refused' GET /me -H "$(bearer "$access")"
  expect 401 'refresh is refused' POST /auth/refresh --json "$(refresh_body "$refresh")"
  expect 204 'a second logout has nothing to end' POST /auth/logout -H "$(bearer "$access")"
  expect 200 'login on the laptop' POST /auth/login --json "$(credentials demo header laptop)"
  access="$(of_body body.accessToken)"
  expect 200 'login on the phone' POST /auth/login --json "$(credentials demo header phone)"
  other="$(of_body body.accessToken)"
  expect 204 'logout everywhere' POST /auth/logout-all -H "$(bearer "$access")"
  expect 401 'the laptop is out' GET /me -H "$(bearer "$access")"
  expect 401 'the phone is out' GET /me -H "$(bearer "$other")"
  expect 200 'others are not' GET /me -H "$(bearer "$premium")"
  expect 204 'until they log out' POST /auth/logout -H "$(bearer "$premium")"
}

walk_cookie() {
  local jar="$WORK/jar" second="$WORK/second" old_access old_refresh
  echo 'By cookie'
  expect 200 'login' POST /auth/login -b "$jar" -c "$jar" --json "$(credentials demo cookie browser)"
  header_says 'the access cookie is HttpOnly and Lax' '^set-cookie: token=af_at_.*Max-Age=[0-9]+;.*HttpOnly.*SameSite=Lax'
  header_says 'the refresh cookie is HttpOnly and Strict' '^set-cookie: refresh-token=af_rt_.*Max-Age=[0-9]+;.*HttpOnly.*SameSite=Strict'
  header_says 'no cache keeps the answer' '^cache-control: no-store'
  body_says 'no token is in the body' "body.expiresAt && !JSON.stringify(body).includes('af_')"
  expect 200 'the cookie opens /me' GET /me -b "$jar" -c "$jar"
  expect 403 'premium is closed to a free plan' GET /premium -b "$jar"
  expect 401 'a cookie token is refused in a header' GET /me -H "$(bearer "$(cookie_in_jar token)")"
  expect 401 'the same cookie twice' GET /me -H "Cookie: token=$(cookie_in_jar token); token=$(cookie_in_jar token)"

  echo 'Other sites'
  expect 403 'cannot log the user out' POST /auth/logout -b "$jar" -H 'Sec-Fetch-Site: cross-site'
  expect 403 'nor by an older browser' POST /auth/logout -b "$jar" -H 'Origin: https://evil.example'
  expect 403 'nor refresh' POST /auth/refresh -b "$jar" -c "$jar" --json '{}' -H 'Sec-Fetch-Site: same-site'
  no_header 'which leaves the cookies alone' '^set-cookie:'
  expect 403 'nor log the browser in as somebody else' POST /auth/login --json "$(credentials premium cookie foreign)" -H 'Origin: https://evil.example'
  expect 415 'nor refresh by a form' POST /auth/refresh -b "$jar" -d 'a=b'
  expect 200 'the session is as it was' GET /me -b "$jar"

  echo 'Refresh by cookie'
  old_access="$(cookie_in_jar token)"
  old_refresh="$(cookie_in_jar refresh-token)"
  expect 401 'a cookie refresh token is refused in the body' POST /auth/refresh --json "$(refresh_body "$old_refresh")"
  expect 200 'the refresh cookie gives new cookies' POST /auth/refresh -b "$jar" -c "$jar" --json '{}'
  body_says 'no token is in the body' "body.expiresAt && !JSON.stringify(body).includes('af_')"
  expect 401 'the old access cookie is dead' GET /me -H "Cookie: token=$old_access"
  expect 200 'the new one lives' GET /me -b "$jar"
  expect 200 'a second tab with the old refresh cookie' POST /auth/refresh -c "$second" --json '{}' -H "Cookie: refresh-token=$old_refresh"
  same 'gets the same cookies again' "$(awk '$6 == "token" { print $7 }' "$second")" "$(cookie_in_jar token)"
  expect 401 'no refresh cookie at all' POST /auth/refresh --json '{}'
  no_header 'a failed refresh leaves the cookies alone' '^set-cookie:'
  expect 200 'the session is in the list' GET /auth/sessions -b "$jar"
  body_says 'as the current one' "body.length === 1 && body[0].current && body[0].context.device === 'browser'"

  echo 'Logout by cookie'
  cp "$jar" "$WORK/kept"
  expect 204 'logout' POST /auth/logout -b "$jar" -c "$jar"
  # Read off the answer: curl 7 brings back one of two cookies that one answer removes from a jar it both reads and writes.
  header_says 'the access cookie is removed' '^set-cookie: token=; Max-Age=0'
  header_says 'the refresh cookie is removed' '^set-cookie: refresh-token=; Max-Age=0'
  expect 401 'a kept copy is worthless: access' GET /me -b "$WORK/kept"
  expect 401 'and refresh' POST /auth/refresh -b "$WORK/kept" --json '{}'
  no_header 'which leaves the cookies alone' '^set-cookie:'
  expect 200 'login' POST /auth/login -b "$jar" -c "$jar" --json "$(credentials demo cookie browser)"
  cp "$jar" "$WORK/kept"
  expect 204 'logout everywhere' POST /auth/logout-all -b "$jar" -c "$jar"
  header_says 'the cookies are removed' '^set-cookie: token=; Max-Age=0'
  expect 401 'the session is over' GET /me -b "$WORK/kept"
}

walk_header
walk_cookie
finish_walk
