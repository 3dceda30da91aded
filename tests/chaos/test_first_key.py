"""The first admin key outlives a first start that is killed before anybody has read it."""

import re
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.databases import Postgres
from tests.doors.cli.helpers import environment, stead, up

_ROOT = Path(__file__).parents[2]
_SHOWN = re.compile(r"admin key \(shown this once\): (\S+)")


def killed(place: str, home: Path, command: str, env: Mapping[str, str]) -> str:
    """What the very first start says until it dies there."""
    port = [] if command == "worker" else ["--port", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.stead", place, command, "--data", str(home / "data"), *port],
        env=environment(home, PYTHONPATH=f"{_ROOT / 'src'}:{_ROOT}", **env),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout


def files_with(secret: str, folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if secret.encode() in file.read_bytes())


def comes_back(home: Path, command: str, env: Mapping[str, str]) -> str:
    """The key that the next start shows. It works, nothing has kept it after that, and later starts do not show it."""
    data, port = home / "data", [] if command == "worker" else ["--port", "0"]
    kept = data / "first-admin.key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    with up(home, data, *port, command=command, env=env) as server:
        key = server.key
        assert server.said.count(key) == 1
        assert server.stop() == 0
    assert not kept.exists()
    assert files_with(key, data) == []
    with up(home, data, "--port", "0", env=env) as later:
        assert _SHOWN.search(later.said) is None
        shown = stead(home, "key", "list", "--server", later.address, "-o", "json", env={"STEAD_KEY": key})
        assert [one["name"] for one in shown.json["items"]] == ["first admin"]
        assert later.stop() == 0
    return key


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("before the commit", "up"),
        ("after the commit", "up"),
        ("before it says so", "up"),
        ("after it said so", "up"),
        ("after the commit", "gateway"),
        ("before it says so", "gateway"),
    ],
)
def test_the_next_start_shows_it(tmp_path: Path, place: str, command: str) -> None:
    said = _SHOWN.search(killed(place, tmp_path, command, {}))
    key = comes_back(tmp_path, command, {})
    assert (said[1] if said else None) == (key if place == "after it said so" else None)


@pytest.mark.parametrize("command", ["up", "worker"])
def test_the_next_start_shows_it_on_postgres(tmp_path: Path, postgres: Postgres, command: str) -> None:
    with postgres.empty() as url:
        env = {"STEAD_DATABASE_URL": url}
        assert _SHOWN.search(killed("before it says so", tmp_path, command, env)) is None
        comes_back(tmp_path, command, env)


def test_with_a_key_of_ones_own_it_is_neither_shown_nor_kept(tmp_path: Path) -> None:
    own = {"STEAD_BOOTSTRAP_KEY": "an-automation-key-of-enough-length"}
    killed("after the commit", tmp_path, "up", {})
    kept = tmp_path / "data" / "first-admin.key"
    key = kept.read_text()
    with up(tmp_path, tmp_path / "data", env=own) as server:
        assert key not in server.said
        assert server.stop() == 0
    assert not kept.exists()
