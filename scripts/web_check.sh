#!/bin/sh
# The web sources in an empty folder, as a stranger gets them: npm ci accepts the lock, lint and types hold, and the types of
# the API are those of ui/openapi.json (which tests/architecture compares with the server).
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
npx --no-install openapi-typescript openapi.json -o generated.d.ts >/dev/null
cmp -s generated.d.ts src/api/generated.d.ts || {
    echo "ui/src/api/generated.d.ts is not what ui/openapi.json gives: run make api" >&2
    exit 1
}
echo "web: npm ci accepts the lock, eslint and tsc find nothing, the API's types are current"
