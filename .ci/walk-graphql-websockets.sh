#!/usr/bin/env bash
# Walks a running sample/03-graphql-websockets: bash .ci/walk-graphql-websockets.sh http://127.0.0.1:3000
set -euo pipefail
exec node "$(dirname "${BASH_SOURCE[0]}")/walk-graphql-websockets.mjs" "$1"
