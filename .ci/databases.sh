#!/usr/bin/env bash
# Makes one of the databases of the tests answer: postgres or mariadb. Where it already does, nothing is touched.
# Otherwise, in CI and as root, it is installed if need be, started, and opened to this machine without a password.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

answers() { node .ci/database-answers.mjs "$1"; }

wait_for() { # wait_for COMMAND...: at most 30 s
  local deadline=$((SECONDS + 30))
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.3
  done
}

install_package() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq -o DPkg::Lock::Timeout=120 update
  apt-get -qq -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$1" >/dev/null
}

start_postgres() {
  command -v pg_ctlcluster >/dev/null || install_package postgresql
  local version hba
  version="$(find /etc/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | tail -n 1)"
  hba="/etc/postgresql/$version/main/pg_hba.conf"
  # The first line that fits decides.
  grep -q '^host all all 127.0.0.1/32 trust$' "$hba" || sed -i '1i host all all 127.0.0.1/32 trust' "$hba"
  # Exit code 2 says that it runs already.
  pg_ctlcluster --skip-systemctl-redirect "$version" main start || [ $? -eq 2 ]
  pg_ctlcluster --skip-systemctl-redirect "$version" main reload
  wait_for psql -h 127.0.0.1 -U postgres -c 'SELECT 1'
  answers postgres || createdb -h 127.0.0.1 -U postgres test
}

start_mariadb() {
  command -v mariadbd >/dev/null || install_package mariadb-server
  install -d -o mysql -g mysql /run/mysqld
  start-stop-daemon --start --oknodo --background --exec "$(command -v mariadbd)" -- --user=mysql
  wait_for mariadb -u root -e 'SELECT 1'
  mariadb -u root <<'SQL'
CREATE DATABASE IF NOT EXISTS test;
ALTER USER 'root'@'localhost' IDENTIFIED BY '';
CREATE USER IF NOT EXISTS 'root'@'127.0.0.1' IDENTIFIED BY '';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
SQL
}

database="$1"
answers "$database" && exit 0
if [ "${CI:-}" != true ] || [ "$(id -u)" -ne 0 ]; then
  echo "Start $database yourself, or run this as root with CI=true to have it installed and opened." >&2
  exit 1
fi
"start_$database"
wait_for answers "$database"
answers "$database"
