#!/usr/bin/env bash
# Makes sure of what compiles better-sqlite3, of which no other form is in the registry. In CI and as root it is installed
# if need be.
set -euo pipefail

missing() {
  command -v python3 >/dev/null || echo python3
  command -v make >/dev/null || echo make
  command -v g++ >/dev/null || echo g++
}

mapfile -t packages < <(missing)
[ "${#packages[@]}" -gt 0 ] || exit 0
if [ "${CI:-}" != true ] || [ "$(id -u)" -ne 0 ]; then
  echo "Install ${packages[*]} yourself, or run this as root with CI=true to have it installed." >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=120 update
apt-get -qq -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "${packages[@]}" >/dev/null
mapfile -t packages < <(missing)
[ "${#packages[@]}" -eq 0 ]
