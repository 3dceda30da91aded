"""Much to look at, put straight into a database whose server is stopped: copies of what one run has left there.

Used by `bench.ui` and by the stories that look at long lists; a server that ran long enough would hold the same rows.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any


def crowd(data: Path, *, approvals: int = 0, events: int = 0, steps: int = 0, runs: int = 0) -> None:
    """Copies of the pending question, of the run's last event and first step, and of the run, so that there are more.

    Questions are called `Write REPORT-N.md`; the last one has the latest deadline. Fails: AssertionError where the
    database holds no run that waits.
    """
    conn = sqlite3.connect(data / "stead.db")
    conn.row_factory = sqlite3.Row
    with conn:
        _approvals(conn, approvals)
        _events(conn, events)
        _steps(conn, steps)
        _runs(conn, runs)
    conn.close()


def _approvals(conn: sqlite3.Connection, many: int) -> None:
    one = _one(conn, "SELECT * FROM approvals WHERE status = 'pending'")
    rows = [
        one
        | {
            "id": f"ap_crowd{number:06}",
            "step": f"{one['step']}/{number}",
            "sentence": f"Write REPORT-{number}.md",
            "expires_at": one["expires_at"] + number,
        }
        for number in range(1, many + 1)
    ]
    _insert(conn, "approvals", rows)
    conn.execute("UPDATE runs SET pending = pending + ? WHERE id = ?", (many, one["run"]))


def _events(conn: sqlite3.Connection, many: int) -> None:
    one = _one(conn, "SELECT * FROM events WHERE run != '' ORDER BY seq DESC")
    rows = [one | {"seq": one["seq"] + number, "at": one["at"] + number} for number in range(1, many + 1)]
    _insert(conn, "events", rows)
    conn.execute("UPDATE event_heads SET seq = seq + ?", (many,))


def _steps(conn: sqlite3.Connection, many: int) -> None:
    one = _one(conn, "SELECT * FROM steps WHERE kind = 'model' AND status = 'succeeded' ORDER BY started_at")
    long = max(1, one["finished_at"] - one["started_at"])
    rows = [
        one
        | {
            "key": f"{one['key']}/{number}",
            "started_at": one["started_at"] + number * 20,
            "finished_at": one["started_at"] + number * 20 + long,
            "summary": f"Step {number}",
        }
        for number in range(1, many + 1)
    ]
    _insert(conn, "steps", rows)


def _runs(conn: sqlite3.Connection, many: int) -> None:
    one = _one(conn, "SELECT * FROM runs WHERE status = 'waiting'")
    _insert(conn, "runs", [one | {"id": f"r_crowd{number:06}"} for number in range(1, many + 1)])


def _one(conn: sqlite3.Connection, query: str) -> dict[str, Any]:
    found = conn.execute(query).fetchone()
    assert found is not None, query
    return dict(found)


def _insert(conn: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        names = list(rows[0])
        places = ", ".join(f":{name}" for name in names)
        conn.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", rows)  # noqa: S608 - our names


def run_that_waits(data: Path) -> str:
    """The id of a run that waits for a person."""
    conn = sqlite3.connect(data / "stead.db")
    found: Any = conn.execute("SELECT id FROM runs WHERE status = 'waiting'").fetchone()
    conn.close()
    assert found is not None, json.dumps({"data": str(data)})
    return found[0]
