"""One folder, and a way into it that cannot lead out of it.

Theory of operation. A path is walked one component at a time, each opened relative to the descriptor of the folder
before it and never through a symbolic link. A link is read and its target walked in its place; `..` goes back to a
descriptor that we came from. So whatever is renamed or replaced meanwhile, a descriptor is only ever reached from the
root downwards. What leads above the root is refused, also when it would come back.

A repository's own files (`.git`) count as outside. Devices, sockets and pipes are never opened.
"""

import math
import os
import stat
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Literal

from swarmstead.doors.toolservers.tools import SetupError, ToolError

Kind = Literal["file", "folder", "link", "other"]

MAX_PER_FOLDER = 20_000
DEEPEST = 64
_MAX_LINKS = 40
_SHOWN_CAP = 200
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: should a pipe appear where a file was, opening it must not wait for a writer.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Found:
    """Something met on a walk. `path` is relative to the root; `size` in bytes, 0 for what is not a file.

    `folder` is the descriptor of the folder that holds it, good until the walk goes on.
    """

    path: str
    name: str
    kind: Kind
    size: int
    depth: int
    folder: int


class Root:
    """The folder a server is limited to."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SetupError(f"{path} cannot be opened: {error.strerror}") from error

    @contextmanager
    def open_file(self, path: str) -> Generator[BinaryIO]:
        """The regular file at `path`, open for reading. Fails: ToolError."""
        with os.fdopen(self._open(path, "file"), "rb") as file:
            yield file

    @contextmanager
    def open_folder(self, path: str) -> Generator[int]:
        """A descriptor of the folder at `path`. Fails: ToolError."""
        fd = self._open(path, "folder")
        try:
            yield fd
        finally:
            os.close(fd)

    def walk(
        self, start: str, *, depth: int = DEEPEST, skip: frozenset[str] = frozenset(), within_s: float = math.inf
    ) -> "Walk":
        """Everything below the folder `start`; see `Walk`."""
        return Walk(self, start, depth, skip, within_s)

    def _open(self, path: str, wanted: Literal["file", "folder"]) -> int:
        if path.startswith("/"):
            raise ToolError(f"Denied: {_shown(path)} is absolute. Give a path relative to the server's folder.")
        # Opened anew: a duplicate would share its place in the listing with every other call under way.
        stack = [os.open(".", _FOLDER_FLAGS, dir_fd=self._fd)]
        try:
            self._walk_down(path, stack)
            is_folder = stat.S_ISDIR(os.fstat(stack[-1]).st_mode)
            if is_folder != (wanted == "folder"):
                raise ToolError(f"{_shown(path)} is a {'folder' if is_folder else 'file'}, not a {wanted}.")
            return stack.pop()
        except OSError as error:
            raise ToolError(f"{_shown(path)} cannot be opened: {error.strerror}.") from error
        finally:
            for fd in stack:
                os.close(fd)

    def _walk_down(self, path: str, stack: list[int]) -> None:
        """Leave on `stack` the descriptors from the root to what `path` names."""
        pending = _steps(path)
        links = 0
        while pending:
            step = pending.pop()
            if step == "..":
                if len(stack) == 1:
                    raise _outside(path)
                os.close(stack.pop())
                continue
            if step.casefold() == ".git":
                raise ToolError(f"Denied: {_shown(path)} is among the repository's own files.")
            mode = os.stat(step, dir_fd=stack[-1], follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                links += 1
                if links > _MAX_LINKS:
                    raise ToolError(f"{_shown(path)} goes through too many symbolic links.")
                pending.extend(self._target(path, os.readlink(step, dir_fd=stack[-1]), stack))
            elif stat.S_ISDIR(mode):
                stack.append(os.open(step, _FOLDER_FLAGS, dir_fd=stack[-1]))
            else:
                stack.append(_open_regular(path, step, stack[-1]))

    def _target(self, path: str, target: str, stack: list[int]) -> list[str]:
        """The steps that stand for a link; an absolute link into our own folder starts again at the root."""
        if not target.startswith("/"):
            return _steps(target)
        if target != self.path and not target.startswith(self.path.rstrip("/") + "/"):
            raise _outside(path)
        while len(stack) > 1:
            os.close(stack.pop())
        return _steps(target[len(self.path) :])


class Walk:
    """Everything below a folder, level by level and sorted by name; links are shown, not followed.

    Folders named in `skip` are shown but not entered; `.git` is not even shown. A folder that vanishes or cannot be
    read meanwhile is passed over. `cut` turns true where time was up, or a folder had more than MAX_PER_FOLDER entries.
    Fails: ToolError for `start`.
    """

    def __init__(self, root: Root, start: str, depth: int, skip: frozenset[str], within_s: float) -> None:
        self._root = root
        self._first = "/".join(part for part in start.split("/") if part not in ("", "."))
        self._depth = depth
        self._skip = skip
        self._within_s = within_s
        self.cut = False

    def __iter__(self) -> Iterator[Found]:
        deadline = time.monotonic() + self._within_s
        queue = deque([(self._first, 1)])
        while queue:
            path, level = queue.popleft()
            try:
                with self._root.open_folder(path or ".") as folder:
                    found, whole = _listing(folder, path, level)
                    self.cut = self.cut or not whole
                    for one in found:
                        if time.monotonic() > deadline:
                            self.cut = True
                            return
                        yield one
                        if one.kind == "folder" and level < self._depth and one.name not in self._skip:
                            queue.append((one.path, level + 1))
            except (ToolError, OSError):
                if path == self._first:
                    raise
            if queue and time.monotonic() > deadline:  # empty folders show nothing, and take their time
                self.cut = True
                return


def open_found(found: Found) -> BinaryIO | None:
    """The file just met on a walk, or None when it is no longer a readable regular file."""
    try:
        return os.fdopen(_open_regular(found.path, found.name, found.folder), "rb")
    except (ToolError, OSError):
        return None


def _open_regular(path: str, name: str, folder: int) -> int:
    # Looked at before it is opened, since opening a device can already do something, and after, for certainty.
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        raise ToolError(f"Denied: {_shown(path)} is not a regular file.")
    fd = os.open(name, _FILE_FLAGS, dir_fd=folder)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise ToolError(f"Denied: {_shown(path)} is not a regular file.")


def _listing(folder: int, path: str, level: int) -> tuple[list[Found], bool]:
    """What is in a folder, and whether that is all of it."""
    with os.scandir(folder) as entries:
        some = sorted(islice(entries, MAX_PER_FOLDER), key=lambda entry: entry.name)
        whole = next(entries, None) is None
    found: list[Found] = []
    for entry in some:
        if entry.name.casefold() == ".git":
            continue
        try:
            kind = _kind(entry)
            size = entry.stat(follow_symlinks=False).st_size if kind == "file" else 0
        except OSError:
            continue  # gone since the folder was read
        found.append(Found(f"{path}/{entry.name}" if path else entry.name, entry.name, kind, size, level, folder))
    return found, whole


def _kind(entry: os.DirEntry[str]) -> Kind:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "other"


def _steps(path: str) -> list[str]:
    """Components, the last first: a stack to pop from."""
    return [step for step in reversed(path.split("/")) if step not in ("", ".")]


def _outside(path: str) -> ToolError:
    return ToolError(f"Denied: {_shown(path)} is outside the server's folder.")


def _shown(path: str) -> str:
    return repr(path if len(path) <= _SHOWN_CAP else path[:_SHOWN_CAP] + "…")
