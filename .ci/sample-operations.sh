#!/usr/bin/env bash
# Walks sample/04-operations on a PostgreSQL database of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

DATABASE="authentify_operations_$$"
SERVER='postgres://postgres@127.0.0.1:5432'
administer() {
  node --input-type=module -e '
    import { Client } from "pg";
    const client = new Client(process.argv[1]);
    await client.connect();
    await client.query(process.argv[2]);
    await client.end();' "$SERVER/test" "$1"
}

administer "CREATE DATABASE $DATABASE"
trap 'administer "DROP DATABASE $DATABASE WITH (FORCE)"' EXIT
DATABASE_URL="$SERVER/$DATABASE" TRACES=console bash .ci/sample.sh start:operations .ci/walk-operations.sh
