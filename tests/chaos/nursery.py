"""Makes processes that may be killed, fast: one process imports the product once, and each life is a fork of it.

`python -m tests.chaos.nursery` reads a line of JSON per life. A life says what came of it in the file named there; one
that was killed says nothing. The named pipe is held open for as long as it lives.
"""

import asyncio
import faulthandler
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos import scenarios
from tests.chaos.kills import Kill
from tests.chaos.life import Life, documents, live

_ROOT = Path(__file__).parents[2]
_LONGEST_S = 60


class Nursery:
    """The other side: lives are asked for here."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            cwd=_ROOT,
            env=os.environ | {"PYTHONPATH": f"{_ROOT / 'src'}:{_ROOT}"},
        )
        self._lock = threading.Lock()
        self._count = 0

    def live(self, life: Life) -> dict[str, Any] | None:
        """What came of a life; None when it was killed. Fails: AssertionError with its last words."""
        return self._ask(Path(life.folder), {"life": asdict(life)})

    def prepare(self, folder: Path, database_url: str = "") -> None:
        """See `life.prepare`."""
        self.play("prepare", folder, database_url)

    def play(self, scenario: str, folder: Path, database_url: str = "") -> dict[str, Any]:
        """What came of one of `scenarios`."""
        found = self._ask(folder, {"scenario": scenario, "folder": str(folder), "database_url": database_url})
        assert found is not None
        return found

    def close(self) -> None:
        """No more lives."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, folder: Path, what: dict[str, Any]) -> dict[str, Any] | None:
        assert self._process.stdin is not None
        with self._lock:
            self._count += 1
            told, alive = folder / f"told-{self._count}", folder / f"alive-{self._count}"
            os.mkfifo(alive)
            line = json.dumps(what | {"told": str(told), "alive": str(alive)}) + "\n"
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        alive.read_bytes()  # ends when it does
        if not told.exists():
            stuck = told.with_suffix(".stuck").read_text()
            assert not stuck, stuck  # it was not killed, it got nowhere
            return None
        found = json.loads(told.read_text())
        assert "fault" not in found, found["fault"]
        return found


_LATER = (
    "psycopg",
    "swarmstead.runs.adapters.dbos_engine",
    "swarmstead.models.script",
    "swarmstead.audit.adapters.ed25519",
)


def main() -> None:
    """Fork once per line. What the product would import as it goes is imported before."""
    for name in _LATER:
        importlib.import_module(name)
    documents()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin.buffer:
        if os.fork() == 0:
            _be_born(json.loads(line))


def _be_born(what: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    told, alive = Path(what.pop("told")), Path(what.pop("alive"))
    with alive.open("wb"), told.with_suffix(".stuck").open("w") as stuck:
        faulthandler.enable(stuck)
        faulthandler.dump_traceback_later(_LONGEST_S, exit=True, file=stuck)
        try:
            found = asyncio.run(_lived(what))
        except BaseException:  # noqa: BLE001 - whatever it was, the test wants to read it
            found = {"fault": traceback.format_exc()}
        told.with_suffix(".part").write_text(json.dumps(found))
        told.with_suffix(".part").rename(told)
        os._exit(0)


def _lived(what: dict[str, Any]) -> Coroutine[Any, Any, dict[str, Any]]:
    if "scenario" in what:
        return getattr(scenarios, what["scenario"])(Path(what["folder"]), what["database_url"])
    life: dict[str, Any] = what["life"]
    for name in ("kill", "kill_at_start"):
        life[name] = Kill(**life[name]) if life[name] else None
    return live(Life(**life))


if __name__ == "__main__":
    main()
