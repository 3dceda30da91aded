"""`make up` on a machine without Node: it says what is missing and how to mend it, and serves API and command line."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.doors.cli.helpers import STEAD, environment

ROOT = Path(__file__).parents[3]
_NODE = {"node", "nodejs", "npm", "npx"}
_WITHIN_S = 60.0


@pytest.fixture
def without_node(tmp_path: Path) -> Path:
    """A folder of every program on PATH but Node's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for program in Path(place).glob("*") if place else ():
            link = folder / program.name
            if program.name not in _NODE and not link.is_symlink():
                link.symlink_to(program)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What make needs of a checkout whose environment is prepared."""
    house = tmp_path / "checkout"
    shutil.copytree(ROOT / "scripts", house / "scripts")
    (house / "src" / "swarmstead").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, house / name)
    for path in house.rglob("*"):
        os.utime(path, (0, 0))
    programs = house / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "stead").symlink_to(STEAD)
    (house / ".venv" / ".stamp").touch()
    return house


def test_without_node_it_says_so_and_serves_the_rest(without_node: Path, checkout: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    env = environment(tmp_path, PATH=str(without_node)) | {"MAKEFLAGS": "", "PYTHON": ""}
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["make", "up", f"DATA={tmp_path / 'data'}", "PORT=0"],
            cwd=checkout,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        said = _until_ready(process, log)
        assert "needs Node 20.19 or newer" in said
        assert "Way out: install Node" in said
        assert "Going on without the web UI: the API and the command line work." in said
        address = said.partition("is ready at ")[2].split()[0]
        assert httpx.get(f"{address}/readyz", trust_env=False).status_code == 200
        done = subprocess.run([STEAD, "run", "list"], env=env, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.startswith("No run yet.")) == (0, True), done
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _until_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _WITHIN_S
    while "is ready" not in (said := log.read_text(errors="replace")):
        assert time.monotonic() < deadline, said
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(said)
    return said
