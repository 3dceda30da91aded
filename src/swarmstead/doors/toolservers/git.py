"""The `git` server: a repository's history and state. It reads and never writes."""

from swarmstead.doors.toolservers.git_binary import open_work_tree
from swarmstead.doors.toolservers.git_reads import GitReader
from swarmstead.doors.toolservers.tools import Schema, Tool, many, obj, text, whole

_PATH = text("Only this file or folder, relative to the top of the repository.", longest=1024, default="")
_SINCE = text("Only commits after this date, such as `2026-01-31` or `2 weeks ago`.", longest=60, default="")
_COMMIT_FIELDS: dict[str, str | Schema] = {
    "sha": "string",
    "parents": many({"type": "string"}),
    "author": "string",
    "email": "string",
    "at": "string",
    "subject": "string",
}
_FILE = obj(path="string", added="integer", deleted="integer", binary="boolean")
_CHURN = obj(path="string", commits="integer", added="integer", deleted="integer")
_AUTHOR = obj(name="string", email="string", commits="integer")
_CHANGE = obj(path="string", staged="string", unstaged="string")
_BRANCH = obj(name="string", remote="boolean", current="boolean", sha="string", at="string", subject="string")


def make_tools(root: str | None) -> list[Tool]:
    """The git server's tools over the work tree at `root` (None: they can be listed, not called). Fails: SetupError."""
    reader = GitReader(open_work_tree(root) if root else None)
    return [*_history(reader), _diff_stat(reader), *_rankings(reader), *_state(reader)]


def _history(reader: GitReader) -> list[Tool]:
    return [
        Tool(
            name="log",
            title="Commit history",
            description="List commits from the newest on: hash, author, time and subject.",
            arguments={
                "limit": whole("How many commits at most.", least=1, most=200, default=50),
                "path": _PATH,
                "since": _SINCE,
                "revision": text("Where to start: a commit, branch or tag.", longest=200, shortest=1, default="HEAD"),
            },
            output=obj(commits=many(obj(**_COMMIT_FIELDS)), truncated="boolean"),
            run=reader.log,
        ),
        Tool(
            name="show",
            title="One commit",
            description="Show one commit: its message, the files it changed and its patch.",
            arguments={
                "commit": text("A hash, branch, tag, or expression such as `HEAD~3`.", longest=200, shortest=1),
                "max_lines": whole("How many lines of the patch at most.", least=0, most=5000, default=400),
            },
            output=obj(**_COMMIT_FIELDS, message="string", files=many(_FILE), patch="string", truncated="boolean"),
            run=reader.show,
        ),
    ]


def _rankings(reader: GitReader) -> list[Tool]:
    return [
        Tool(
            name="authors",
            title="Authors",
            description="Count commits per author, the busiest first.",
            arguments={
                "limit": whole("How many authors at most.", least=1, most=500, default=50),
                "path": _PATH,
                "since": _SINCE,
            },
            output=obj(authors=many(_AUTHOR), truncated="boolean"),
            run=reader.authors,
        ),
        Tool(
            name="churn",
            title="Most changed files",
            description="Rank files by how many of the last commits changed them.",
            arguments={
                "commits": whole("Over how many of the last commits.", least=1, most=5000, default=500),
                "limit": whole("How many files at most.", least=1, most=200, default=20),
                "path": _PATH,
            },
            output=obj(files=many(_CHURN), truncated="boolean"),
            run=reader.churn,
        ),
    ]


def _state(reader: GitReader) -> list[Tool]:
    return [
        Tool(
            name="status",
            title="Working files",
            description="Show the current branch and the files that differ from its last commit.",
            arguments={"limit": whole("How many files at most.", least=1, most=1000, default=200)},
            output=obj(
                branch="string",
                upstream="string",
                ahead="integer",
                behind="integer",
                clean="boolean",
                changes=many(_CHANGE),
                truncated="boolean",
            ),
            run=reader.status,
        ),
        Tool(
            name="branches",
            title="Branches",
            description="List local and remote branches, the one with the newest commit first.",
            arguments={"limit": whole("How many branches at most.", least=1, most=500, default=100)},
            output=obj(branches=many(_BRANCH), truncated="boolean"),
            run=reader.branches,
        ),
    ]


def _diff_stat(reader: GitReader) -> Tool:
    return Tool(
        name="diff_stat",
        title="Changed files",
        description="Count changed lines per file between two commits, or between a commit and the working files.",
        arguments={
            "base": text("The commit to compare with.", longest=200, shortest=1, default="HEAD"),
            "head": text("The commit to compare; empty for the working files.", longest=200, default=""),
            "path": _PATH,
            "limit": whole("How many files at most.", least=1, most=2000, default=200),
        },
        output=obj(files=many(_FILE), file_count="integer", added="integer", deleted="integer", truncated="boolean"),
        run=reader.diff_stat,
    )
