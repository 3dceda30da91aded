#!/bin/sh
# The web sources in an empty folder, as a stranger gets them: npm ci accepts the lock, lint and types hold.
set -eu
cd "$(dirname "$0")/.."
sh scripts/node.sh
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
trap 'exit 130' INT TERM
git ls-files -z --cached --others --exclude-standard -- ui | tar --null -T - -cf - | tar -xf - -C "$room"
cd "$room/ui"
npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error
npm run --silent lint
npm run --silent types
echo "web: npm ci accepts the lock, eslint and tsc find nothing"
