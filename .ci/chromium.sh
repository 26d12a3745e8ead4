#!/usr/bin/env bash
# Makes sure of what the tests in a browser need: Chromium, and openssl for a certificate. In CI and as root they are
# installed if need be.
set -euo pipefail

missing() {
  for place in ${CHROMIUM_PATH:-/usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome}; do
    [ -x "$place" ] && found="$place"
  done
  [ -n "${found:-}" ] || echo chromium
  command -v openssl >/dev/null || echo openssl
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
