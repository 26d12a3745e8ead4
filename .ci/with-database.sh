#!/usr/bin/env bash
# Runs a command with DATABASE_URL, a PostgreSQL database of its own: bash .ci/with-database.sh COMMAND...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

DATABASE="authentify_sample_$$"
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
DATABASE_URL="$SERVER/$DATABASE" "$@"
