#!/bin/sh
# Prepares .venv: an interpreter, uv (its version and hashes from requirements.lock), then exactly what that file locks.
# `make setup` runs it when the lock or pyproject.toml is newer than .venv/.stamp. PYTHON=... picks the interpreter.
set -eu
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never
venv=.venv

fail() {
    printf '\nmake setup: %s\n' "$1" >&2
    printf '  Way out: %s\n' "$2" >&2
    exit 1
}

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" || fail "PYTHON=$PYTHON is not Python 3.11, 3.12 or 3.13." "name one that is, or leave PYTHON out."
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python 3.11, 3.12 or 3.13 was found on PATH." "install one (Debian 12: apt-get install python3), or name it: make setup PYTHON=/path/to/python3"
}

python=$(find_python)
release() { "$1" -c 'import sys; print(sys.version_info[:2])'; }

# What is there is kept, unless its interpreter is gone or another release is asked for.
if [ -n "${PYTHON:-}" ] && fits "$venv/bin/python" && [ "$(release "$venv/bin/python")" != "$(release "$python")" ]; then
    rm -rf "$venv"
fi
if ! fits "$venv/bin/python"; then
    rm -rf "$venv"
    "$python" -m venv --without-pip "$venv" || {
        rm -rf "$venv"
        fail "$python cannot make a virtual environment." "install its venv module (Debian: apt-get install python3-venv), or name another interpreter with PYTHON=..."
    }
fi

# uv's own block of the lock: the line that pins it and the hashes below.
sed -n '/^uv==/,/[^\\]$/p' requirements.lock >"$venv/uv.txt"
version=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' "$venv/uv.txt")
if [ "$("$venv/bin/uv" --version 2>/dev/null | cut -d' ' -f2)" != "$version" ]; then
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check --require-hashes -r "$venv/uv.txt" ||
            fail "uv $version could not be installed with pip." "check that this machine reaches a Python package index (pip's settings apply), then run make setup again."
    elif command -v uv >/dev/null 2>&1; then
        uv pip install --quiet --python "$venv/bin/python" --require-hashes -r "$venv/uv.txt" ||
            fail "uv $version could not be installed." "check that this machine reaches a Python package index, then run make setup again."
    else
        fail "$python has no pip, so the environment cannot be filled." "install pip (Debian: apt-get install python3-pip) or uv, or use another interpreter with PYTHON=..."
    fi
fi

# Bytecode is compiled here because the caller's environment may forbid Python to write it, and start-up would pay for that.
"$venv/bin/uv" pip sync --quiet --python "$venv/bin/python" --require-hashes --compile-bytecode requirements.lock ||
    fail "the locked packages could not be installed." "read uv's message above; run make setup again, or make clean first if .venv is damaged."
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable . ||
    fail "the checkout itself could not be installed into .venv." "read uv's message above."
touch "$venv/.stamp"
echo "$venv is ready: $("$venv/bin/python" --version), $(grep -c '==' requirements.lock) packages locked"
