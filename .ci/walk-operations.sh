#!/usr/bin/env bash
# Walks a running sample/04-operations: bash .ci/walk-operations.sh http://127.0.0.1:3000
# Needs DATABASE_URL for the command line, and SAMPLE_LOG, where the app writes its log.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

BASE="$1"
good=0
bad=0

# shows NAME PATTERN COMMAND...: the command's output must match within 10 seconds.
shows() {
  local name="$1" pattern="$2" deadline=$((SECONDS + 10)) output
  shift 2
  until output="$("$@" 2>&1)" && grep -qE "$pattern" <<<"$output"; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      bad=$((bad + 1))
      printf 'not as expected: %s\n%s\n' "$name" "$output"
      return
    fi
    sleep 0.2
  done
  good=$((good + 1))
}

post() { curl -s --json "$2" "$BASE$1"; }
field() { node -e 'console.log(JSON.parse(require("node:fs").readFileSync(0, "utf8"))[process.argv[1]])' "$1"; }
authorized() { curl -s -H "Authorization: Bearer $1" "$BASE$2"; }
status() { curl -s -o /dev/null -w '%{http_code}' "$@"; }
authentify() {
  node dist/cli/main.js "$@" --data-source build/sample/04-operations/src/data-source.js \
    --options build/sample/04-operations/src/authentify.options.js
}

shows 'the sessions are healthy' '"sessions":\{[^}]*"status":"up"' curl -s "$BASE/health"

first="$(post /auth/login '{"email":"demo@example.com"}')"
second="$(post /auth/refresh "{\"refreshToken\":\"$(field refreshToken <<<"$first")\"}")"
shows 'the new access token opens the account' 'demo@example.com' authorized "$(field accessToken <<<"$second")" /me
shows 'reuse of the old refresh token is refused' '401' \
  status --json "{\"refreshToken\":\"$(field refreshToken <<<"$first")\"}" "$BASE/auth/refresh"
shows 'and ends the session' '401' status -H "Authorization: Bearer $(field accessToken <<<"$second")" "$BASE/me"

shows 'Prometheus counts it' 'authentify_events_total\{type="reuse-detected",reason=""\} 1' curl -s "$BASE/metrics"
shows 'the user gets a mail' 'Told user 1 about session [0-9a-f-]{36} \(1 mail\)' cat "$SAMPLE_LOG"
shows 'verification is a span' "name: 'authentify.verify'" cat "$SAMPLE_LOG"
shows 'refresh is a span' "name: 'authentify.refresh'" cat "$SAMPLE_LOG"

third="$(field accessToken <<<"$(post /auth/login '{"email":"demo@example.com"}')")"
shows 'the audit log tells the login' '"type":"issued"' authorized "$third" /audit
shows 'the refresh' '"type":"refreshed"' authorized "$third" /audit
shows 'and the reuse' '"type":"reuse-detected"' authorized "$third" /audit

shows 'the command line lists the ended session' '"state":"ended".*"revokedReason":"reuse-detected"' authentify list --json --state ended
issued="$(authentify issue --user 1 2>/dev/null)"
shows 'a token it issues works' 'demo@example.com' authorized "$issued" /me
shows 'it finds nothing to prune' 'Pruned 0 sessions' authentify prune
shows 'its doctor misses the key of the digests' 'hashSecrets is empty' bash -c "$(declare -f authentify); authentify doctor || true"
shows 'it ends all sessions' 'Ended 2 sessions' authentify revoke --user 1
shows 'at once' '401' status -H "Authorization: Bearer $third" "$BASE/me"
shows 'no token and no digest is in the log' '^0$' bash -c "grep -cE 'af_[ar]t_|[0-9a-f]{64}' '$SAMPLE_LOG' || true"

echo "Walk: $good of $((good + bad)) checks as expected"
[ "$bad" -eq 0 ]
