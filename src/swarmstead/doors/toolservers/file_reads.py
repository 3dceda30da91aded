"""Looks at files below a confined root: list, read, search, count. Answers are bounded and say when they were cut."""

import fnmatch
import os
from collections.abc import Iterator

from swarmstead.doors.toolservers.confined import DEEPEST, Found, Root, open_found
from swarmstead.doors.toolservers.tools import ToolError, Values

SKIPPED = frozenset(
    {".git", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".venv", "__pycache__", "node_modules"}
)
READ_CAP = 16 * 1024 * 1024
SCAN_CAP = 4 * 1024 * 1024
TEXT_CAP = 256 * 1024
TIME_CAP_S = 10.0
MAX_FILES = 100_000
_LINE_CAP = 300
_SNIFF = 8192
_EXTENSIONS_CAP = 40
_LARGEST_CAP = 10
_COUNTS = ("files", "lines", "bytes", "left_out")


class FileReader:
    """The functions behind the tools: each takes its checked arguments and returns the structured answer."""

    def __init__(self, root: Root | None) -> None:
        self._opened = root

    @property
    def _root(self) -> Root:
        if self._opened is None:
            raise ToolError("Denied: this server was started without a folder. Start it with --root.")
        return self._opened

    def tree(self, args: Values) -> Values:
        """Entries level by level, so that a cut one has lost the deepest; sorted by path."""
        entries: list[Values] = []
        full = False
        walk = self._root.walk(args["path"], depth=args["depth"], skip=SKIPPED, within_s=TIME_CAP_S)
        for found in walk:
            if len(entries) == args["max_entries"]:
                full = True
                break
            entries.append({"path": found.path, "kind": found.kind, "size": found.size})
        return {"entries": sorted(entries, key=lambda entry: entry["path"]), "truncated": full or walk.cut}

    def read(self, args: Values) -> Values:
        """Some lines of one file."""
        with self._root.open_file(args["path"]) as file:
            size = os.fstat(file.fileno()).st_size
            if size > READ_CAP:
                raise ToolError(
                    f"Denied: the file has {size} bytes; {READ_CAP} is the most. Use `search` on smaller files."
                )
            data = file.read(READ_CAP)
        if b"\0" in data[:_SNIFF]:
            return _lines_out(args, size, binary=True)
        body, lossy = _decoded(data)
        lines = body.split("\n")
        if lines[-1] == "":
            lines.pop()  # the last newline ends a line, it does not begin one
        wanted = lines[args["start_line"] - 1 : args["start_line"] - 1 + args["max_lines"]]
        body = "\n".join(wanted)
        shown = body[:TEXT_CAP]
        end = args["start_line"] + shown.count("\n") if wanted else args["start_line"] - 1
        more = len(shown) < len(body) or end < len(lines)
        return _lines_out(args, size, end_line=end, total_lines=len(lines), text=shown, truncated=more, lossy=lossy)

    def search(self, args: Values) -> Values:
        """Lines that contain the pattern, in the files' order."""
        needle = args["pattern"].encode()
        if args["ignore_case"]:
            needle = needle.lower()
        hits: list[Values] = []
        walk = _Files(self._root, args["path"])
        for found, data in walk:
            if not _matches(found, args["glob"]):
                continue
            for line, raw in _lines_with(needle, data or b"", ignore_case=args["ignore_case"]):
                if len(hits) == args["max_hits"]:
                    return _hits_out(hits, walk, truncated=True)
                shown = raw.decode("utf-8", "replace").strip()
                hits.append({"path": found.path, "line": line, "text": shown[:_LINE_CAP]})
        return _hits_out(hits, walk, truncated=walk.cut)

    def stats(self, args: Values) -> Values:
        """Files, lines and bytes by extension, and the largest files.

        Lines of binary files are not counted; nor are those of files over SCAN_CAP bytes and of unreadable ones, of
        which `left_out` says how many there are.
        """
        by_extension: dict[str, Values] = {}
        largest: list[tuple[int, str]] = []
        walk = _Files(self._root, args["path"], every=True)
        for found, data in walk:
            extension = _extension(found.name)
            row = by_extension.setdefault(extension, {"extension": extension} | dict.fromkeys(_COUNTS, 0))
            row["files"] += 1
            row["left_out"] += data is None
            row["lines"] += data.count(b"\n") + (not data.endswith(b"\n")) if data else 0
            row["bytes"] += found.size
            largest = sorted([*largest, (-found.size, found.path)])[:_LARGEST_CAP]
        ranked = sorted(by_extension.values(), key=lambda row: (-row["lines"], -row["bytes"], row["extension"]))
        return {
            "files": sum(row["files"] for row in ranked),
            "bytes": sum(row["bytes"] for row in ranked),
            "extensions": ranked[:_EXTENSIONS_CAP],
            "largest": [{"path": path, "size": -size} for size, path in largest],
            "truncated": walk.cut or len(ranked) > _EXTENSIONS_CAP,
        }


class _Files:
    """Regular files below a folder with their content: b"" for a binary one, None for one that is left out.

    Left out, and counted in `left_out`, is text over SCAN_CAP bytes and what cannot be read. Without `every`, neither
    kind is handed out. `cut` turns true when a limit of files, time, depth or of one folder ended the walk early;
    `seen` counts the files handed out.
    """

    def __init__(self, root: Root, start: str, *, every: bool = False) -> None:
        self._walk = root.walk(start, skip=SKIPPED, within_s=TIME_CAP_S)
        self._every = every
        self._is_full = False
        self.seen = 0
        self.left_out = 0

    @property
    def cut(self) -> bool:
        """Whether there is more than was handed out."""
        return self._is_full or self._walk.cut

    def __iter__(self) -> Iterator[tuple[Found, bytes | None]]:
        for found in self._walk:
            if found.kind != "file":
                self._is_full = self._is_full or (found.kind == "folder" and found.depth >= DEEPEST)
                continue
            if self.seen >= MAX_FILES:
                self._is_full = True
                return
            data, is_text = _content(found)
            self.left_out += data is None
            if is_text or self._every:
                self.seen += 1
                yield found, data


def _decoded(data: bytes) -> tuple[str, bool]:
    """The text, and whether bytes that are not UTF-8 were replaced in it."""
    try:
        return data.decode(), False
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace"), True


def _content(found: Found) -> tuple[bytes | None, bool]:
    """The bytes, and whether they are text of bearable size; b"" for a binary file, None for what is not read."""
    file = open_found(found)
    if file is None:
        return None, False
    with file:
        data = file.read(_SNIFF if found.size > SCAN_CAP else SCAN_CAP)
    if b"\0" in data[:_SNIFF]:
        return b"", False
    return (None, False) if found.size > SCAN_CAP else (data, True)


def _extension(name: str) -> str:
    """`.py`, in lower case; empty for `Makefile` and for `.gitignore`."""
    stem, dot, extension = name.rpartition(".")
    return f"{dot}{extension}".lower() if stem else ""


def _matches(found: Found, glob: str) -> bool:
    return not glob or fnmatch.fnmatchcase(found.path if "/" in glob else found.name, glob)


def _lines_with(needle: bytes, data: bytes, *, ignore_case: bool) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of each line that contains `needle`, which holds no newline."""
    haystack = data.lower() if ignore_case else data
    line, counted, at = 1, 0, haystack.find(needle)
    while at >= 0:
        line += haystack.count(b"\n", counted, at)
        start = haystack.rfind(b"\n", 0, at) + 1
        end = haystack.find(b"\n", at)
        end = len(haystack) if end < 0 else end
        yield line, data[start : min(end, start + 4 * _LINE_CAP)]
        counted, at = at, haystack.find(needle, end)


def _hits_out(hits: list[Values], walk: _Files, *, truncated: bool) -> Values:
    return {"hits": hits, "files_searched": walk.seen, "left_out": walk.left_out, "truncated": truncated}


def _lines_out(
    args: Values,
    size: int,
    *,
    binary: bool = False,
    lossy: bool = False,
    end_line: int = 0,
    total_lines: int = 0,
    text: str = "",
    truncated: bool = False,
) -> Values:
    return {
        "path": args["path"],
        "size": size,
        "binary": binary,
        "lossy": lossy,
        "start_line": args["start_line"],
        "end_line": end_line,
        "total_lines": total_lines,
        "text": text,
        "truncated": truncated,
    }
