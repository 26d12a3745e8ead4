#!/usr/bin/env bash
# Starts a sample as its README says, walks it, and stops it: bash .ci/sample.sh 'npm start' .ci/walk.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

read -ra start <<<"$1"
walk="$2"

command -v curl >/dev/null || {
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends curl >/dev/null
}

LOG="$(mktemp)"
PORT="$(node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')"
export PORT
# A session of its own: npm, nest and the app are stopped together, as one process group.
setsid "${start[@]}" >"$LOG" 2>&1 </dev/null &
app=$!

stop() {
  kill -TERM -- "-$app" 2>/dev/null || true
  for _ in $(seq 50); do
    kill -0 -- "-$app" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL -- "-$app" 2>/dev/null || true
  rm -f "$LOG"
}
trap stop EXIT

deadline=$((SECONDS + 120))
until curl -s -o /dev/null --max-time 5 "http://127.0.0.1:$PORT/"; do
  if ! kill -0 "$app" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
    echo "$1 did not come to answer on port $PORT:"
    cat "$LOG"
    exit 1
  fi
  sleep 0.3
done

bash "$walk" "http://127.0.0.1:$PORT" || {
  echo 'The log of the app:'
  tail -n 50 "$LOG"
  exit 1
}
