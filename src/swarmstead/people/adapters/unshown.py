"""The first admin key on its way to a person: in a file of the data directory until it was shown.

The database keeps no more of a key than its hash. A process that dies between the commit of the first key and the line
that shows it would take the only way in with it.
"""

import fcntl
import logging
import os
import re
from pathlib import Path

from swarmstead.people.errors import FirstKeyNotKept
from swarmstead.people.handlers import KEY_MARK, new_secret

log = logging.getLogger(__name__)
_WHOLE = re.compile(re.escape(KEY_MARK) + r"[\w-]{43}", re.ASCII)


class Unshown:
    """The file, readable by its owner only. Several processes on one data directory get the same secret from it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._path

    def keep(self) -> str:
        """The secret that lies there. Where there is none, a new one does now, and it is on the disk.

        Half a secret, of a process that died as it wrote, was nobody's key yet: it is written over.
        Fails: FirstKeyNotKept.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                os.fchmod(file.fileno(), 0o600)  # whoever has made it
                if found := _WHOLE.fullmatch(file.read(100).decode("ascii", "replace")):
                    return found[0]
                secret = new_secret()
                file.seek(0)
                file.truncate()
                file.write(secret.encode())
                file.flush()
                os.fsync(file.fileno())
                _settle(self._path.parent)
                return secret
        except OSError as error:
            raise FirstKeyNotKept(
                f"The first admin key cannot be kept in {self._path} until it is shown: {error.strerror}.",
                way_out="Give this user write access to the folder, choose another one with --data (or STEAD_DATA), "
                "or name a key of your own in STEAD_BOOTSTRAP_KEY.",
            ) from error

    def found(self) -> str:
        """The secret that lies there; '' for none. What cannot be read, or is a link, is none, and the log says so."""
        try:
            with os.fdopen(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                os.fchmod(file.fileno(), 0o600)
                whole = _WHOLE.fullmatch(file.read(100).decode("ascii", "replace"))
        except FileNotFoundError:
            return ""
        except OSError as error:
            log.warning("the first admin key in %s cannot be read: %s", self._path, error.strerror)
            return ""
        return whole[0] if whole else ""

    def drop(self) -> None:
        """It was shown, or it is no key's: the file goes. Failing to remove it stops nothing, and the log says so."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s holds an admin key and cannot be removed: %s", self._path, error.strerror)


def _settle(folder: Path) -> None:
    """The name of a new file is on the disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
