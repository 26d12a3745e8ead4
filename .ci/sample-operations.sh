#!/usr/bin/env bash
# Walks sample/04-operations on a PostgreSQL database of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
TRACES=console bash .ci/with-database.sh bash .ci/sample.sh start:operations .ci/walk-operations.sh
