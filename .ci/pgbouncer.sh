#!/usr/bin/env bash
# Makes sure of PgBouncer, which the tests start by themselves. In CI and as root it is installed if need be.
set -euo pipefail

[ ! -x /usr/sbin/pgbouncer ] || exit 0
if [ "${CI:-}" != true ] || [ "$(id -u)" -ne 0 ]; then
  echo 'Install pgbouncer yourself, or run this as root with CI=true to have it installed.' >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=120 update
apt-get -qq -y -o DPkg::Lock::Timeout=120 install --no-install-recommends pgbouncer >/dev/null
[ -x /usr/sbin/pgbouncer ]
