"""Tests have the same names in every process, so that they can be spread over several (`ARGS="-n 4"`)."""

import os
import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT, none_of


def test_another_process_finds_the_same_tests(request: pytest.FixtureRequest) -> None:
    here = {item.nodeid for item in request.session.items}
    paths = sorted({str(item.path) for item in request.session.items})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o", "addopts=--import-mode=importlib"]
    env = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *paths], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    none_of(sorted(here - set(done.stdout.splitlines()))[:20])
