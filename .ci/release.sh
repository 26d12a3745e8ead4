#!/usr/bin/env bash
# Makes ready what a release is published from: bash .ci/release.sh v1.2.3
# Refuses a tag that is not the package's version or has no entry in CHANGELOG.md, and known weaknesses in what users
# install. Writes build/release-notes.md and build/sbom.cdx.json (CycloneDX: what an install brings).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version="${1#v}"
[ "$version" = "$(node -p "require('./package.json').version")" ] || {
  echo "The tag $1 is not the version in package.json" >&2
  exit 1
}
mkdir -p build
awk -v head="## $version - " 'index($0, "## ") == 1 { on = index($0, head) == 1 && !/unreleased/; next } on' CHANGELOG.md \
  >build/release-notes.md
grep -q '[^[:space:]]' build/release-notes.md || {
  echo "CHANGELOG.md has no dated entry for $version" >&2
  exit 1
}
npm audit --omit=dev
npm run build

# Of an install, not of this checkout: there npm leaves out what the tests use as well. Peers are the app's own.
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
npm pack --ignore-scripts --pack-destination "$work" >/dev/null
(cd "$work" && echo '{ "name": "install", "version": "1.0.0", "private": true }' >package.json &&
  npm install --ignore-scripts --legacy-peer-deps ./*.tgz >/dev/null &&
  npm sbom --legacy-peer-deps --sbom-format=cyclonedx --sbom-type=library) >build/sbom.cdx.json
echo "Ready to publish $version"
