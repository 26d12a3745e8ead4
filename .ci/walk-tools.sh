#!/usr/bin/env bash
# What walks of the samples with curl share: sourced by walk*.sh, which get the base address as their argument.
# One line per check; `finish_walk` tells how many were as expected and exits 1 unless all were.
BASE="${1:-http://127.0.0.1:3000}"
BASE="${BASE%/}"
WORK="$(mktemp -d)"
trap 'rm -rf "$WORK"' EXIT

good=0
bad=0
STATUS=''

record() { # record ok|NO label detail
  if [ "$1" = ok ]; then good=$((good + 1)); else bad=$((bad + 1)); fi
  printf '  %-2s  %-54s %s\n' "$1" "$2" "$3"
}

# call METHOD PATH [curl arguments]: fills STATUS, $WORK/body and $WORK/headers
call() {
  local method="$1" path="$2"
  shift 2
  : >"$WORK/body"
  : >"$WORK/headers"
  STATUS="$(curl -sS --max-time 20 -X "$method" -o "$WORK/body" -D "$WORK/headers" -w '%{http_code}' "$@" "$BASE$path")" ||
    STATUS="curl failed"
}

# expect STATUS LABEL METHOD PATH [curl arguments]
expect() {
  local wanted="$1" label="$2"
  shift 2
  call "$@"
  if [ "$STATUS" = "$wanted" ]; then
    record ok "$label" "$1 $2 $STATUS"
  else
    record NO "$label" "$1 $2 $STATUS, expected $wanted: $(head -c 300 "$WORK/body")"
  fi
}

same() { # same LABEL ACTUAL EXPECTED
  if [ "$2" = "$3" ]; then record ok "$1" ''; else record NO "$1" 'the values differ'; fi
}

body_says() { # body_says LABEL JAVASCRIPT, an expression over `body`
  if [ "$(of_body "$2")" = true ]; then record ok "$1" ''; else record NO "$1" "$(head -c 300 "$WORK/body")"; fi
}

header_says() { # header_says LABEL PATTERN
  if tr -d '\r' <"$WORK/headers" | grep -qiE "$2"; then record ok "$1" ''; else record NO "$1" "no header line like $2"; fi
}

no_header() { # no_header LABEL PATTERN
  if grep -qiE "$2" "$WORK/headers"; then record NO "$1" "a header line like $2"; else record ok "$1" ''; fi
}

of_body() { # the value of an expression over the last JSON body
  node -e '
    let body = null;
    try { body = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8")); } catch {}
    try { console.log(String(eval(process.argv[2]))); } catch { console.log("undefined"); }
  ' "$WORK/body" "$1"
}

bearer() { printf 'Authorization: Bearer %s' "$1"; }
refresh_body() { printf '{"refreshToken":"%s"}' "$1"; }
cookie_in_jar() { awk -v name="$1" '$6 == name { print $7 }' "$jar"; }

finish_walk() {
  echo "Walk: $good of $((good + bad)) checks as expected"
  [ "$bad" -eq 0 ]
}
