#!/bin/sh
# Says whether Node can build the web UI: silent and 0 if so, a message with the way out and 1 if not.
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    found="there is no node or no npm on PATH"
elif ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
    found="this is Node $(node --version)"
else
    exit 0
fi
{
    echo "The web UI cannot be built: it needs Node 20.19 or newer with npm, and $found."
    echo "  Way out: install Node (a distribution's packages nodejs and npm will do when new enough), then run make up again."
} >&2
exit 1
