"""The wheel stands alone: in an empty environment without Node it serves the API and the web UI it carries."""

import os
import re
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "src" / "swarmstead" / "doors" / "ui" / "assets"
_READY_WITHIN_S = 60.0


def _run(*command: str | Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert (ASSETS / "index.html").is_file(), "The web bundle is missing: run `make ui`, then this test again."
    out = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out)
    (built,) = out.glob("swarmstead-*.whl")
    return built


@pytest.fixture(scope="module")
def stead(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `stead` command of an environment that holds the wheel and its locked dependencies, and nothing else."""
    venv = tmp_path_factory.mktemp("venv")
    uv = Path(sys.executable).with_name("uv")
    env = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    _run(uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, venv, env=env)
    lock = ROOT / "requirements.lock"
    _run(uv, "pip", "install", "--quiet", "--python", venv / "bin" / "python", "--constraint", lock, wheel, env=env)
    return venv / "bin" / "stead"


@pytest.fixture(scope="module")
def served(stead: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server started from the wheel, with no Node and no checkout in reach."""
    room = tmp_path_factory.mktemp("empty")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {"PATH": str(stead.parent), "HOME": str(room), "LANG": "C.UTF-8"}
    command = [stead, "up", "--host", "127.0.0.1", "--port", str(port), "--data", room / "data"]
    log = room / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=room, env=env, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
    try:
        _until_ready(process, f"http://127.0.0.1:{port}/readyz", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Ask until it answers 200. Between two questions it waits for the process to end, which would be news."""
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass  # not listening yet
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"stead up ended with {process.returncode}:\n{log.read_text(errors='replace')}")
    pytest.fail(f"stead up was not ready within {_READY_WITHIN_S:.0f} s:\n{log.read_text(errors='replace')}")


def test_wheel_carries_the_bundle_and_nothing_of_the_workshop(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    carried = {
        f"swarmstead/doors/ui/assets/{path.relative_to(ASSETS).as_posix()}"
        for path in ASSETS.rglob("*")
        if path.is_file()
    }
    assert carried <= names
    assert {"swarmstead/py.typed", "swarmstead/samples/repo-review.yaml"} <= names
    assert any(name.startswith("swarmstead/storage/migrations/versions/") for name in names)
    assert {name.split("/")[0] for name in names} == {
        "swarmstead",
        next(n for n in names if n.endswith("/METADATA")).split("/")[0],
    }
    assert [name for name in names if name.endswith((".pyc", ".map"))] == []


def test_the_environment_has_no_node_and_no_tools(stead: Path) -> None:
    there = {path.name for path in stead.parent.iterdir()}
    assert there & {"node", "npm", "pytest", "ruff", "pyright", "mcp"} == set()


def test_it_is_ready(served: str) -> None:
    answer = httpx.get(f"{served}/readyz", trust_env=False)
    assert (answer.status_code, _kind(answer)) == (200, "application/json")


def test_it_serves_the_web_ui(served: str) -> None:
    page = httpx.get(f"{served}/", trust_env=False)
    assert (page.status_code, _kind(page)) == (200, "text/html")
    scripts = re.findall(r'<script[^>]+src="/([^"]+)"', page.text)
    assert scripts
    for script in scripts:
        answer = httpx.get(f"{served}/{script}", trust_env=False)
        assert (answer.status_code, _kind(answer)) == (200, "text/javascript")
        assert answer.content == (ASSETS / script).read_bytes()


def _kind(answer: httpx.Response) -> str:
    return answer.headers.get("content-type", "").split(";")[0]
