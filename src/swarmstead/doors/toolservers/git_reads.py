"""A repository's history and state, read with the git binary and turned into data.

Answers are bounded by their arguments (`limit`, `max_lines`) and by a byte cap; `truncated` says that there was more.
Hashes are full, times RFC 3339 with the author's own offset, paths relative to the top of the work tree.
"""

from swarmstead.doors.toolservers.git_binary import Git
from swarmstead.doors.toolservers.tools import ToolError, Values

_COMMIT_FORMAT = "%H%x00%P%x00%an%x00%ae%x00%aI%x00%s"
_COMMIT_WIDTH = 6
_SUBJECT_CAP = 500
_BODY_CAP = 8_000
_PATCH_CAP = 256 * 1024
_NO_PROGRAMS = ("--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short", "--no-relative")
_NUMSTAT = ("--numstat", "-z", "--no-renames", *_NO_PROGRAMS)
_LOG = ("log", "-z", "--no-show-signature", "--no-notes", "--no-diff-merges", "--encoding=UTF-8", "--no-color")


class GitReader:
    """The functions behind the tools: each takes its checked arguments and returns the structured answer."""

    def __init__(self, git: Git | None) -> None:
        self._opened = git

    @property
    def _git(self) -> Git:
        if self._opened is None:
            raise ToolError("Denied: this server was started without a folder. Start it with --root.")
        return self._opened

    def log(self, args: Values) -> Values:
        """Commits from the newest on."""
        start = self._start(args["revision"])
        if start is None:
            return {"commits": [], "truncated": False}
        limit = args["limit"]
        output = self._git.must(
            *_LOG, f"--max-count={limit + 1}", f"--format={_COMMIT_FORMAT}", *_since(args), start, "--", *_only(args)
        )
        commits = [_commit(row) for row in output.fields(_COMMIT_WIDTH)]
        return {"commits": commits[:limit], "truncated": output.truncated or len(commits) > limit}

    def show(self, args: Values) -> Values:
        """One commit with its message, its files and as much of its patch as asked for."""
        sha = self._git.resolve(args["commit"])
        head = self._git.must(*_LOG, "--max-count=1", f"--format={_COMMIT_FORMAT}%x00%B", sha, "--").fields(
            _COMMIT_WIDTH + 1
        )
        if not head:
            raise ToolError("The commit's message is too long to be shown.")
        changes = ("diff-tree", "-r", "--root", "--no-commit-id", "--diff-merges=first-parent")
        files = self._git.must(*changes, *_NUMSTAT, sha, "--")
        patch = self._git.must(*changes, "-p", "--unified=3", "-M", *_NO_PROGRAMS, sha, "--", cap=_PATCH_CAP)
        lines = patch.stdout.decode("utf-8", "replace").splitlines()
        return _commit(head[0]) | {
            "message": head[0][-1].strip()[:_BODY_CAP],
            "files": _numstat(files.fields(1)),
            "patch": "\n".join(lines[: args["max_lines"]]),
            "truncated": patch.truncated or files.truncated or len(lines) > args["max_lines"],
        }

    def diff_stat(self, args: Values) -> Values:
        """Changed files between two commits, or between one and the working files."""
        ends = [self._git.resolve(args["base"])] + ([self._git.resolve(args["head"])] if args["head"] else [])
        output = self._git.must(
            "diff", "--ignore-submodules=all", *_NUMSTAT, *ends, "--", *_only(args), touches_files=len(ends) == 1
        )
        files = _numstat(output.fields(1))
        return {
            "files": files[: args["limit"]],
            "file_count": len(files),
            "added": sum(one["added"] for one in files),
            "deleted": sum(one["deleted"] for one in files),
            "truncated": output.truncated or len(files) > args["limit"],
        }

    def authors(self, args: Values) -> Values:
        """Who committed how often."""
        start = self._start("HEAD")
        if start is None:
            return {"authors": [], "truncated": False}
        output = self._git.must(*_LOG, "--format=%aN%x00%aE", *_since(args), start, "--", *_only(args))
        counts: dict[tuple[str, str], int] = {}
        for name, email in output.fields(2):
            counts[name, email] = counts.get((name, email), 0) + 1
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        authors = [{"name": name, "email": email, "commits": commits} for (name, email), commits in ranked]
        return {"authors": authors[: args["limit"]], "truncated": output.truncated or len(authors) > args["limit"]}

    def churn(self, args: Values) -> Values:
        """Files that changed most often over the last commits."""
        start = self._start("HEAD")
        if start is None:
            return {"files": [], "truncated": False}
        output = self._git.must(
            *_LOG, f"--max-count={args['commits']}", "--format=", *_NUMSTAT, start, "--", *_only(args)
        )
        total: dict[str, Values] = {}
        for one in _numstat(output.fields(1)):
            file = total.setdefault(one["path"], {"path": one["path"], "commits": 0, "added": 0, "deleted": 0})
            file["commits"] += 1
            file["added"] += one["added"]
            file["deleted"] += one["deleted"]
        ranked = sorted(
            total.values(), key=lambda file: (-file["commits"], -file["added"] - file["deleted"], file["path"])
        )
        return {"files": ranked[: args["limit"]], "truncated": output.truncated or len(ranked) > args["limit"]}

    def status(self, args: Values) -> Values:
        """The branch, and what differs from the last commit."""
        output = self._git.must(
            "status",
            "--porcelain=v2",
            "--branch",
            "-z",
            "--untracked-files=normal",
            "--ignore-submodules=all",
            "--no-renames",
            touches_files=True,
        )
        branch: Values = {"branch": "", "upstream": "", "ahead": 0, "behind": 0}
        changes: list[Values] = []
        for (line,) in output.fields(1):
            if line.startswith("# "):
                _branch_header(line, branch)
            else:
                changes.append(_change(line))
        limit = args["limit"]
        more = output.truncated or len(changes) > limit
        return branch | {"clean": not changes, "changes": changes[:limit], "truncated": more}

    def branches(self, args: Values) -> Values:
        """Local and remote branches, the one with the newest commit first."""
        fields = "%(HEAD)%00%(refname)%00%(objectname)%00%(committerdate:iso-strict)%00%(contents:subject)%00"
        limit = args["limit"]
        output = self._git.must(
            "for-each-ref",
            f"--count={limit + 1}",
            "--sort=-committerdate",
            f"--format={fields}",
            "refs/heads",
            "refs/remotes",
        )
        found = [_branch(row) for row in output.fields(5)]
        return {"branches": found[:limit], "truncated": output.truncated or len(found) > limit}

    def _start(self, revision: str) -> str | None:
        """Where to read from; None in a repository without commits."""
        return self._git.resolve(revision) if revision != "HEAD" or self._git.has_commits() else None


def _since(args: Values) -> list[str]:
    return [f"--since={args['since']}"] if args["since"] else []


def _only(args: Values) -> list[str]:
    return [args["path"]] if args["path"] else []


def _commit(row: list[str]) -> Values:
    sha, parents, author, email, at, subject = row[:_COMMIT_WIDTH]
    return {
        "sha": sha.strip(),
        "parents": parents.split(),
        "author": author,
        "email": email,
        "at": at,
        "subject": subject[:_SUBJECT_CAP],
    }


def _numstat(rows: list[list[str]]) -> list[Values]:
    """`ADDED TAB DELETED TAB PATH`; git prints dashes for a binary file, and a newline before a commit's first."""
    files: list[Values] = []
    for (line,) in rows:
        added, _, rest = line.lstrip("\n").partition("\t")
        deleted, _, path = rest.partition("\t")
        if path:
            binary = added == "-"
            counts = (0, 0) if binary else (int(added), int(deleted))
            files.append({"path": path, "added": counts[0], "deleted": counts[1], "binary": binary})
    return files


def _branch_header(line: str, branch: Values) -> None:
    key, _, value = line[2:].partition(" ")
    if key == "branch.head":
        branch["branch"] = value
    elif key == "branch.upstream":
        branch["upstream"] = value
    elif key == "branch.ab":
        ahead, behind = value.split()
        branch.update(ahead=int(ahead), behind=-int(behind))


def _change(line: str) -> Values:
    """One entry of `git status --porcelain=v2` without renames (its section "Changed Tracked Entries")."""
    kind, _, rest = line.partition(" ")
    if kind == "?":
        return {"path": rest, "staged": "none", "unstaged": "untracked"}
    if kind == "u":
        return {"path": rest.split(" ", 9)[-1], "staged": "conflict", "unstaged": "conflict"}
    states, path = rest[:2], rest.split(" ", 7)[-1]
    return {"path": path, "staged": _STATES.get(states[0], "changed"), "unstaged": _STATES.get(states[1], "changed")}


_STATES = {".": "none", "M": "modified", "A": "added", "D": "deleted", "T": "type changed"}


def _branch(row: list[str]) -> Values:
    current, ref, sha, at, subject = (field.strip("\n") for field in row)
    remote = ref.startswith("refs/remotes/")
    name = ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")
    return {
        "name": name,
        "remote": remote,
        "current": current == "*",
        "sha": sha,
        "at": at,
        "subject": subject[:_SUBJECT_CAP],
    }
