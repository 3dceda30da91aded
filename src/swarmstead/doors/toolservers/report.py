"""The `report` server: writes one Markdown or text file below its folder, and shows beforehand what that would change.

`write` is the one tool of the shipped servers that changes anything. `preview` takes the same arguments, refuses what
`write` would refuse, and touches nothing: the gateway shows its answer to the person who approves.
"""

import errno
import os
import secrets
import stat
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

from swarmstead.doors.toolservers.tools import SetupError, Tool, ToolError, Values, obj, text
from swarmstead.kernel.hashing import sha256_hex, sha256_of_file

CONTENT_CAP = 256 * 1024
SUFFIXES = (".md", ".txt")
_MAX_DEPTH = 16
_MAX_NAME = 200
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}  # file systems without hard links
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make_tools(root: str | None) -> list[Tool]:
    """The report server's tools below `root` (None: they can be listed, not called). Fails: SetupError."""
    writer = ReportWriter(root)
    arguments = {
        "path": text("Where to write: a relative path that ends in .md or .txt.", longest=1024, shortest=4),
        "content": text("The whole text of the file, at most 256 KiB as UTF-8.", longest=CONTENT_CAP, pattern=""),
    }
    return [
        Tool(
            name="write",
            title="Write a report",
            description="Write a Markdown or text file, in place of the one that is there. Folders are made as needed.",
            arguments=arguments,
            output=obj(path="string", bytes="integer", sha256="string", created="boolean"),
            run=writer.write,
            run_if=writer.write_if,
            writes=True,
        ),
        Tool(
            name="preview",
            title="Preview a report",
            description="Show what `write` would change: the text that is there now and the one that would be.",
            arguments=arguments,
            output=obj(
                path="string",
                exists="boolean",
                before={"type": ["string", "null"]},
                before_truncated="boolean",
                after="string",
                expect="object",
            ),
            run=writer.preview,
        ),
    ]


class ReportWriter:
    """Writes below one folder.

    Invariants: nothing is written outside the folder, through a symbolic link or into `.git`; a reader sees the old
    text or the new one, never a part; when `write` returns, the text is on the disk.
    """

    def __init__(self, root: str | None) -> None:
        self._root: int | None = None
        self._one_at_a_time = threading.Lock()
        if root:
            try:
                self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as error:
                raise SetupError(f"{root} cannot be opened: {error.strerror}") from error

    def preview(self, args: Values) -> Values:
        """What is there now (`before` is null for nothing), and what `write` would leave."""
        folders, name, data = _plan(args)
        before: bytes | None = None
        expect: Values = {"absent": True}
        with suppress(FileNotFoundError), self._folder(folders, make=False) as folder:
            if _existing_mode(folder, name) is not None:
                before, whole = _read(folder, name)
                expect = {"sha256": whole}
        return {
            "path": "/".join([*folders, name]),
            "exists": before is not None,
            "before": None if before is None else before[:CONTENT_CAP].decode("utf-8", "replace"),
            "before_truncated": before is not None and len(before) > CONTENT_CAP,
            "after": data.decode(),
            "expect": expect,
        }

    def write(self, args: Values) -> Values:
        """Put the text in place. Fails: ToolError; the message says whether the file was changed."""
        return self._write(args, None)

    def write_if(self, args: Values, expect: Values) -> Values:
        """Put the text in place of what a preview found, and of nothing else.

        What holds the very text already is done: a call that is repeated finds its own work. Fails: ToolError.
        """
        if expect != {"absent": True} and not isinstance(expect.get("sha256"), str):
            raise ToolError('Refused: what to expect is {"absent": true}, or the "sha256" of what is there.')
        return self._write(args, expect)

    def _write(self, args: Values, expect: Values | None) -> Values:
        folders, name, data = _plan(args)
        with self._folder(folders, make=True) as folder, self._one_at_a_time:
            mode = _existing_mode(folder, name)
            _replace(folder, name, data, 0o644 if mode is None else mode, expect)
        path = "/".join([*folders, name])
        return {"path": path, "bytes": len(data), "sha256": sha256_hex(data), "created": mode is None}

    @contextmanager
    def _folder(self, names: list[str], *, make: bool) -> Generator[int]:
        """A descriptor of the folder, reached without following a link. Fails: FileNotFoundError unless `make`."""
        if self._root is None:
            raise ToolError("Denied: this server was started without a folder. Start it with --root.")
        fd = os.dup(self._root)
        try:
            for name in names:
                below = _enter(fd, name, make=make)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)


def _plan(args: Values) -> tuple[list[str], str, bytes]:
    """Folders, file name and bytes. Fails: ToolError for a path or content that is never written."""
    path: str = args["path"]
    parts = path.split("/")
    if path.startswith("/") or ".." in parts:
        raise ToolError("Denied: the path is outside the server's folder. Give a relative path without `..`.")
    parts = [part for part in parts if part != "."]
    if not parts:
        raise ToolError("Refused: the path names a folder. Name a file that ends in .md or .txt.")
    if any(part.casefold() == ".git" for part in parts):
        raise ToolError("Denied: the path is among the repository's own files.")
    if not all(0 < len(part.encode()) <= _MAX_NAME for part in parts) or len(parts) > _MAX_DEPTH:
        raise ToolError(f"Refused: a path has at most {_MAX_DEPTH} parts of 1 to {_MAX_NAME} bytes each.")
    if not parts[-1].lower().endswith(SUFFIXES):
        raise ToolError(f"Denied: only files that end in {' or '.join(SUFFIXES)} may be written.")
    data = args["content"].encode()
    if len(data) > CONTENT_CAP:
        raise ToolError(f"Refused: the text has {len(data)} bytes; {CONTENT_CAP} is the most.")
    return parts[:-1], parts[-1], data


def _enter(fd: int, name: str, *, make: bool) -> int:
    try:
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=fd)
                os.fsync(fd)
        return os.open(name, _FOLDER_FLAGS, dir_fd=fd)
    except FileNotFoundError:
        raise
    except OSError as error:
        # A symbolic link gives ENOTDIR or ELOOP here, whichever the system prefers.
        raise ToolError(
            f"Denied: {name!r} cannot be used as a folder: {error.strerror}. Nothing was written."
        ) from error


def _existing_mode(folder: int, name: str) -> int | None:
    """Permission bits of the file that is there; None when there is none. Fails: ToolError for anything else there."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise ToolError(f"Denied: {name!r} is there and is not a regular file. Nothing was written.")
    return found.st_mode & 0o777


def _read(folder: int, name: str) -> tuple[bytes, str]:
    """As much of the file as is shown, and the SHA-256 of all of it."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(fd, "rb") as file:
        shown = file.read(CONTENT_CAP + 1)
        file.seek(0)
        return shown, sha256_of_file(file)


def _replace(folder: int, name: str, data: bytes, mode: int, expect: Values | None) -> None:
    temporary = f".{secrets.token_hex(8)}.tmp"
    try:
        fd = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
        )
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            os.fchmod(fd, mode)
            file.flush()
            os.fsync(fd)
        _put(folder, temporary, name, expect, sha256_hex(data))
    except OSError as error:
        raise ToolError(
            f"The file could not be written: {error.strerror}. What was there before is unchanged."
        ) from error
    finally:
        with suppress(OSError):  # after a rename there is none
            os.unlink(temporary, dir_fd=folder)
    try:
        os.fsync(folder)
    except OSError as error:
        raise ToolError(f"The file was written, but may be lost at a power cut: {error.strerror}.") from error


def _put(folder: int, temporary: str, name: str, expect: Values | None, ours: str) -> None:
    """Give the finished file its name, if what has it now is what was expected."""
    if expect is None:
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        return
    if "absent" in expect:
        try:
            os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in _NO_LINKS or _existing_mode(folder, name) is not None:
                raise
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            return
        else:
            return
    found = None if _existing_mode(folder, name) is None else _read(folder, name)[1]
    if found == ours:
        return
    if found is None or found != expect.get("sha256"):
        raise ToolError(f"Refused: {name} is not as it was when this was previewed. Nothing was written.")
    os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
