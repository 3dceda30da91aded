#!/bin/sh
# Makes sure that there is a Chromium for the tests of the web UI: one that is there, else Debian's.
set -eu
for name in "${STEAD_TEST_BROWSER:-chromium}" chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing Debian's chromium for the browser tests"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    if { apt-get update && apt-get install -y --no-install-recommends chromium; } >"$log" 2>&1; then
        rm -f "$log"
        exit 0
    fi
    tail -n 20 "$log" >&2
    rm -f "$log"
    echo "make test: chromium could not be installed; apt-get's last words are above." >&2
    echo "  Way out: install a Chromium yourself and put it on PATH, then run make test again." >&2
    exit 1
fi
{
    echo "make test: the browser tests need Chromium, and none is on PATH."
    echo "  Way out: apt-get install chromium (as root), or your system's package of it, then run make test again."
} >&2
exit 1
