"""Runs the git binary so that nothing a repository says can make it run anything else.

A repository is input. Its configuration can name programs (file system monitor, hooks, pagers, external diffs, text
converters, clean filters, signature checkers, transports), its attributes can ask for them, and a commit or path can
look like an option. So: fixed argument lists and no shell; every such setting overridden by the environment, which
git ranks above the repository; filters, whose names are the repository's choice, read from its configuration and
switched off one by one before a command that looks at working files; no transport at all; names after
`--end-of-options` or `--`. `tests/doors/toolservers/test_git_hostile.py` tries each of them.

Reading takes no lock and writes nothing, not even the index.
"""

import os
import re
import selectors
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, cast

from swarmstead.doors.toolservers.tools import SetupError, ToolError

TIMEOUT_S = 20.0
OUTPUT_CAP = 2 * 1024 * 1024
_STDERR_CAP = 8 * 1024
_EXIT_S = 5.0  # from the end of its output to the end of the process
_OLDEST = (2, 31)  # the first git that takes settings from GIT_CONFIG_COUNT; older ones would ignore all of them

_SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.pager": "cat",
    "core.sshCommand": "false",
    "core.askPass": "false",
    "credential.helper": "",
    "diff.external": "false",
    "gpg.program": "false",
    "gpg.openpgp.program": "false",
    "gpg.x509.program": "false",
    "gpg.ssh.program": "false",
    "log.follow": "false",
    "log.showRoot": "true",
    "log.showSignature": "false",
    "mailmap.file": "/dev/null",
    "protocol.allow": "never",
    "submodule.recurse": "false",
    "status.submoduleSummary": "false",
}
_SHA = re.compile("[0-9a-f]{40,64}")
_FILTER_KEYS = ("clean", "smudge", "process")


@dataclass(frozen=True, slots=True)
class Output:
    """What a git command printed. `truncated`: there was more than the cap, and git was stopped."""

    code: int
    stdout: bytes
    stderr: str
    truncated: bool = False

    def fields(self, width: int) -> list[list[str]]:
        """NUL-terminated fields in rows of `width`; a row cut off by the cap is left out."""
        parts = [part.decode("utf-8", "replace") for part in self.stdout.split(b"\0")[:-1]]
        whole = len(parts) - len(parts) % width
        return [parts[at : at + width] for at in range(0, whole, width)]


class Git:
    """Read-only commands in one work tree. Made by `open_work_tree`."""

    def __init__(self, root: str, git_dir: str) -> None:
        self.root = root
        self._git_dir = git_dir

    def run(self, *arguments: str, touches_files: bool = False, cap: int = OUTPUT_CAP) -> Output:
        """Run `git ARGUMENTS` and return what it printed, whatever its exit code.

        `touches_files` must be true for a command that compares working files: it costs one more process.
        Fails: ToolError when git takes longer than TIMEOUT_S.
        """
        settings = dict(_SETTINGS)
        if touches_files:
            settings |= self._filters_off()
        pinned = ("-C", self.root, f"--git-dir={self._git_dir}", f"--work-tree={self.root}")
        return _run([*pinned, "--no-pager", "--literal-pathspecs", *arguments], self.root, settings, cap)

    def must(self, *arguments: str, touches_files: bool = False, cap: int = OUTPUT_CAP) -> Output:
        """As `run`. Fails: ToolError with git's own words when it exits with an error."""
        output = self.run(*arguments, touches_files=touches_files, cap=cap)
        if output.code != 0 and not output.truncated:
            raise ToolError(f"Git failed: {output.stderr or f'exit code {output.code}'}")
        return output

    def resolve(self, revision: str) -> str:
        """The full hash of the commit that `revision` names. Fails: ToolError when there is none."""
        found = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
        sha = found.stdout.decode("utf-8", "replace").strip()
        if found.code != 0 or not _SHA.fullmatch(sha):  # `^HEAD` resolves as well, to everything but HEAD
            raise ToolError(f"There is no commit {revision!r}. The tools `log` and `branches` show what there is.")
        return sha

    def has_commits(self) -> bool:
        """False in a repository that was just made."""
        return self.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}").code == 0

    def _filters_off(self) -> dict[str, str]:
        listed = self.must("config", "--list", "--name-only", "-z", "--includes")
        if listed.truncated:
            raise ToolError("Denied: the repository's configuration is too long to be checked.")
        off: dict[str, str] = {}
        for name in listed.stdout.split(b"\0"):
            section, _, rest = os.fsdecode(name).partition(".")
            driver, dot, _key = rest.rpartition(".")
            if section == "filter" and dot:
                off |= {f"filter.{driver}.{key}": "" for key in _FILTER_KEYS} | {f"filter.{driver}.required": "false"}
        return off


def open_work_tree(root: str) -> Git:
    """Git in the work tree whose top is `root`.

    The repository may lie elsewhere (a linked work tree, a submodule) only if it names `root` as its own: a `.git` file
    alone could point at anybody's history. Fails: SetupError.
    """
    version = _run(["version"], root, _SETTINGS, OUTPUT_CAP).stdout.decode("utf-8", "replace").strip()
    if (numbers := re.search(r"(\d+)\.(\d+)", version)) is None or (int(numbers[1]), int(numbers[2])) < _OLDEST:
        raise SetupError(f"git 2.31 or newer is needed to read a repository safely; this is {version[:60]!r}")
    found = _run(["-C", root, "rev-parse", "--show-toplevel", "--absolute-git-dir"], root, _SETTINGS, OUTPUT_CAP)
    if found.code != 0:
        raise SetupError(f"{root} is not in a git work tree: {found.stderr or 'git cannot open it'}")
    top, _, git_dir = found.stdout.decode("utf-8", "surrogateescape").removesuffix("\n").partition("\n")
    if os.path.realpath(top) != root:
        raise SetupError(f"{root} is not the top of its git work tree; that is {top}")
    git_dir = os.path.realpath(git_dir)
    if not git_dir.startswith(root.rstrip("/") + "/") and not _belongs(git_dir, root):
        raise SetupError(f"{root} points at the repository {git_dir}, which does not know it")
    _keep_inside(root, git_dir)
    return Git(root, git_dir)


def _keep_inside(root: str, git_dir: str) -> None:
    """Refuse a repository that takes its objects or references from elsewhere. Fails: SetupError.

    Only a linked work tree has a common directory that is not its own: the one that it lies in.
    """
    found = _run(["--git-dir", git_dir, "rev-parse", "--git-common-dir"], root, _SETTINGS, OUTPUT_CAP)
    named = found.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")
    common = os.path.realpath(named if named.startswith("/") else f"{git_dir}/{named}")
    if found.code != 0 or common not in (git_dir, os.path.dirname(os.path.dirname(git_dir))):  # noqa: PTH120 - as above
        raise SetupError(f"{root} is a repository whose common directory is elsewhere: {named}")
    if common != git_dir and os.path.basename(os.path.dirname(git_dir)) != "worktrees":  # noqa: PTH119, PTH120
        raise SetupError(f"{root} is a repository whose common directory is elsewhere: {named}")
    if os.path.lexists(f"{common}/objects/info/alternates"):
        raise SetupError(f"{root} is a repository that borrows the objects of another one (objects/info/alternates)")
    for place in ("objects", "refs", "packed-refs"):
        if (link := _leading_out(common, f"{common}/{place}")) is not None:
            raise SetupError(f"{root} is a repository whose {os.path.relpath(link, common)} leads elsewhere")


def _leading_out(common: str, path: str) -> str | None:
    """The first symbolic link at or below `path` that leaves `common`; links are not followed."""
    pending = [path]
    while pending:
        one = pending.pop()
        if os.path.islink(one):  # noqa: PTH114 - as above
            if not os.path.realpath(one).startswith(f"{common}/"):
                return one
        elif os.path.isdir(one):  # noqa: PTH112 - as above
            with os.scandir(one) as entries:
                pending += [
                    entry.path for entry in entries if entry.is_symlink() or entry.is_dir(follow_symlinks=False)
                ]
    return None


def _belongs(git_dir: str, root: str) -> bool:
    """Whether a repository outside `root` names it: `gitdir` of a linked work tree, `core.worktree` of a submodule."""
    try:
        with open(f"{git_dir}/gitdir", encoding="utf-8", errors="surrogateescape") as back:  # noqa: PTH123 - as __main__
            link = back.read(4096).strip()
            return os.path.realpath(link if link.startswith("/") else f"{git_dir}/{link}") == f"{root}/.git"
    except OSError:
        pass
    found = _run(["config", "--file", f"{git_dir}/config", "--get", "core.worktree"], root, _SETTINGS, OUTPUT_CAP)
    named = found.stdout.decode("utf-8", "surrogateescape").strip()
    return found.code == 0 and os.path.realpath(named if named.startswith("/") else f"{git_dir}/{named}") == root


def _environment(root: str, settings: dict[str, str]) -> dict[str, str]:
    env = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": "/dev/null",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": "none",  # outranks `protocol.*.allow` in the repository; no transport has this name
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }
    # By environment and not `-c`: there a key ends at its first `=`, and a filter may have one in its name.
    for index, (key, value) in enumerate((settings | {"safe.directory": root}).items()):
        env[f"GIT_CONFIG_KEY_{index}"] = key
        env[f"GIT_CONFIG_VALUE_{index}"] = value
    return env | {"GIT_CONFIG_COUNT": str(len(settings) + 1)}


def _run(arguments: Sequence[str], root: str, settings: dict[str, str], cap: int) -> Output:
    try:
        process = subprocess.Popen(  # noqa: S603 - a fixed program, an argument list and no shell
            ["git", *arguments],  # noqa: S607 - git is where the PATH says
            cwd="/",  # not the repository, where a relative entry of the PATH would look
            env=_environment(root, settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise SetupError("The program `git` is not on the PATH. Install git 2.31 or newer") from error
    with process:
        try:
            return _collect(process, cap)
        finally:
            process.kill()


def _collect(process: subprocess.Popen[bytes], cap: int) -> Output:
    """Read both pipes until they end, the cap is reached or time is up."""
    stdout, stderr = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stderr)
    deadline = time.monotonic() + TIMEOUT_S
    kept = {stdout: bytearray(), stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for pipe in kept:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map() and len(kept[stdout]) <= cap:
            for ready, _ in selector.select(max(0.0, deadline - time.monotonic())):
                pipe = stdout if ready.fileobj is stdout else stderr
                chunk = os.read(ready.fd, 65536)
                if not chunk:
                    selector.unregister(pipe)
                elif pipe is stdout or len(kept[pipe]) < _STDERR_CAP:
                    kept[pipe] += chunk
            if time.monotonic() >= deadline:
                raise ToolError(f"Git took longer than {TIMEOUT_S:g} s and was stopped. Ask for less.")
    out, words = kept[stdout], kept[stderr].decode("utf-8", "replace")
    if len(out) > cap:
        return Output(0, bytes(out[:cap]), "", truncated=True)
    return Output(process.wait(_EXIT_S), bytes(out), " ".join(words.split())[:300])
