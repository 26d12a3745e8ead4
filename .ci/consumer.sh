#!/usr/bin/env bash
# Installs the packed library into an app outside this repository, and compiles and runs that app as an ES module and as
# CommonJS: bash .ci/consumer.sh current|oldest (the versions of the peers). Needs $WORK/packed.tgz.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

peers="$1"
app="$WORK/consumer-$peers"
mkdir -p "$app/esm" "$app/cjs"
node .ci/consumer/manifest.mjs "$peers" "$WORK/packed.tgz" >"$app/package.json"
(cd "$app" && npm install --no-package-lock --loglevel=error)

printf 'authentify '
"$app/node_modules/.bin/authentify" --version

# compile_and_run FILE: one file as an app of either module format.
compile_and_run() {
  for format in esm cjs; do
    rm -f "$app/$format"/*.ts
    cp ".ci/consumer/$1.ts" .ci/consumer/tsconfig.json "$app/$format/"
    if [ "$format" = esm ]; then type=module; else type=commonjs; fi
    printf '{ "type": "%s" }\n' "$type" >"$app/$format/package.json"
    (cd "$app/$format" && ../node_modules/.bin/tsc && printf '%s: ' "$type" && node "build/$1.js")
  done
}

compile_and_run app
# What only those need who have it comes after everything was seen to work without.
node .ci/consumer/manifest.mjs "$peers" "$WORK/packed.tgz" @nestjs/swagger >"$app/package.json"
(cd "$app" && npm install --no-package-lock --loglevel=error)
compile_and_run documented
