#!/usr/bin/env bash
# Walks sample/03-graphql-websockets on a PostgreSQL database of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash .ci/with-database.sh bash .ci/sample.sh start:graphql-websockets .ci/walk-graphql-websockets.sh
