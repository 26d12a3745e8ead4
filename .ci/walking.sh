# What a walk through a sample is made of; sourced by the walks, whose first argument says where the sample is.

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

finish() { # says how it went, and exits 1 if any answer was not as expected
  echo "Walk: $good of $((good + bad)) checks as expected"
  [ "$bad" -eq 0 ]
}
