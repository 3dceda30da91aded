"""The `files` server: looks at the files below one folder. It reads and never writes."""

from swarmstead.doors.toolservers.confined import Root
from swarmstead.doors.toolservers.file_reads import SKIPPED, FileReader
from swarmstead.doors.toolservers.tools import Schema, Tool, flag, many, obj, text, whole

_ENTRY = obj(path="string", kind={"enum": ["file", "folder", "link", "other"]}, size="integer")
_HIT = obj(path="string", line="integer", text="string")
_LANGUAGE = obj(extension="string", files="integer", lines="integer", bytes="integer", left_out="integer")
_LARGE = obj(path="string", size="integer")
_FOLDER = text("A folder, relative to the server's folder.", longest=1024, default=".")
_LITERAL = "^[^\\u0000\\n\\r]*$"


def make_tools(root: str | None) -> list[Tool]:
    """The files server's tools below `root` (None: they can be listed, not called). Fails: SetupError."""
    reader = FileReader(Root(root) if root else None)
    return [_tree(reader), _read(reader), _search(reader), _stats(reader)]


def _tree(reader: FileReader) -> Tool:
    return Tool(
        name="tree",
        title="Folder contents",
        description=f"List files and folders below a folder, level by level, without {', '.join(sorted(SKIPPED))}.",
        arguments={
            "path": _FOLDER,
            "depth": whole("How many levels down.", least=1, most=20, default=3),
            "max_entries": whole("How many entries at most.", least=1, most=5000, default=500),
        },
        output=obj(entries=many(_ENTRY), truncated="boolean"),
        run=reader.tree,
    )


def _read(reader: FileReader) -> Tool:
    output: Schema = obj(
        path="string",
        size="integer",
        binary="boolean",
        lossy="boolean",
        start_line="integer",
        end_line="integer",
        total_lines="integer",
        text="string",
        truncated="boolean",
    )
    return Tool(
        name="read",
        title="Read a file",
        description="Read lines of a text file. A binary file is reported as such, without its content.",
        arguments={
            "path": text("The file, relative to the server's folder.", longest=1024, shortest=1),
            "start_line": whole("The first line to read, counted from 1.", least=1, most=10_000_000, default=1),
            "max_lines": whole("How many lines at most.", least=1, most=5000, default=400),
        },
        output=output,
        run=reader.read,
    )


def _search(reader: FileReader) -> Tool:
    return Tool(
        name="search",
        title="Search in files",
        description=(
            "Find lines that contain a text. The text is taken as it is; it is not a regular expression. "
            "`left_out` counts files that were not searched: those over 4 MiB, and unreadable ones."
        ),
        arguments={
            "pattern": text("The text to find.", longest=500, shortest=1, pattern=_LITERAL),
            "path": _FOLDER,
            "glob": text(
                "Only files like this, such as `*.py` (any folder) or `src/*.py` (`*` also crosses folders).",
                longest=200,
                default="",
            ),
            "ignore_case": flag("Take A to Z and a to z as equal.", default=False),
            "max_hits": whole("How many lines at most.", least=1, most=500, default=50),
        },
        output=obj(hits=many(_HIT), files_searched="integer", left_out="integer", truncated="boolean"),
        run=reader.search,
    )


def _stats(reader: FileReader) -> Tool:
    return Tool(
        name="stats",
        title="Size and languages",
        description=(
            "Count files and lines by file name extension, and name the largest files. "
            "`left_out` counts files whose lines are not counted: those over 4 MiB, and unreadable ones."
        ),
        arguments={"path": _FOLDER},
        output=obj(
            files="integer",
            bytes="integer",
            extensions=many(_LANGUAGE),
            largest=many(_LARGE),
            truncated="boolean",
        ),
        run=reader.stats,
    )
