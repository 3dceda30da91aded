"""The data directory: made with tight permissions, and locked by the one server that uses it."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from swarmstead.storage.errors import DatabaseUnavailable, DataInUse


class DataDir:
    """Holds the directory's lock for as long as the process lives; the kernel lets go of it after a kill -9."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DatabaseUnavailable(
                f"The data directory {path} cannot be used: {error.strerror}.",
                way_out="Choose another one with --data (or STEAD_DATA), or give this user write access to it.",
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise DataInUse(
                f"Another server (process {owner}) already uses the data in {path}.",
                way_out="Stop it first, or start this one with another --data (`make up DATA=DIR`). "
                "For several processes use Postgres.",
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let go of the lock."""
        os.close(self._file)

    def __enter__(self) -> Self:
        """The locked directory."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the lock."""
        self.close()
