"""A repository made by an enemy: it may lie, but it runs nothing and shows nobody else's history."""

from pathlib import Path
from typing import Any

import pytest

from swarmstead.doors.toolservers import git_binary
from swarmstead.doors.toolservers.git import make_tools
from swarmstead.doors.toolservers.tools import SetupError, ToolError
from tests.doors.toolservers.helpers import Called, commit, git

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("log", {}),
    ("log", {"path": "README.md", "since": "2020-01-01"}),
    ("show", {"commit": "HEAD"}),
    ("show", {"commit": "HEAD~1"}),
    ("diff_stat", {}),
    ("diff_stat", {"base": "HEAD~2", "head": "HEAD"}),
    ("authors", {}),
    ("churn", {}),
    ("status", {}),
    ("branches", {}),
]


class Traps:
    """Programs that leave a mark when they are run, one per setting that could name it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        (folder / "program").write_text(f'#!/bin/sh\necho "$0" >> {folder}/sprung\ncat\nexit 0\n')
        (folder / "program").chmod(0o755)

    def __call__(self, name: str) -> str:
        link = self._folder / name.replace("/", "-")
        if not link.is_symlink():
            link.symlink_to("program")
        return str(link)

    @property
    def sprung(self) -> set[str]:
        mark = self._folder / "sprung"
        return {Path(line).name for line in mark.read_text().splitlines()} if mark.exists() else set()


@pytest.fixture
def traps(tmp_path: Path) -> Traps:
    return Traps(tmp_path / "traps")


def _arm(repo: Path, traps: Traps) -> None:
    for key in [
        "core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass", "core.gitProxy",
        "pager.log", "pager.status", "diff.external", "diff.evil.textconv",
        "filter.evil.clean", "filter.evil.smudge", "filter.a=b.clean", "filter.x.y.clean", "filter.p.process",
        "gpg.program", "gpg.ssh.program", "gpg.openpgp.program", "credential.helper", "core.alternateRefsCommand",
        "interactive.diffFilter", "uploadpack.packObjectsHook", "sequence.editor",
    ]:  # fmt: skip
        git(repo, "config", key, traps(key))
    for key, value in {
        "alias.log": f"!{traps('alias.log')}",
        "log.showSignature": "true",
        "filter.p.required": "true",
        "core.hooksPath": str(repo / "hooks"),
        "core.untrackedCache": "true",
        "diff.submodule": "log",
        "status.submoduleSummary": "true",
        "log.diffMerges": "on",
        "color.ui": "always",
        "diff.noprefix": "true",
        "log.follow": "true",
    }.items():
        git(repo, "config", key, value)
    (repo / "hooks").mkdir()
    for hook in ["post-index-change", "fsmonitor-watchman", "reference-transaction", "pre-auto-gc"]:
        (repo / "hooks" / hook).symlink_to(traps(hook))
    attributes = (
        "README.md diff=evil filter=evil\nsrc/app.py diff=evil filter=a=b\nlogo.png filter=x.y\np.txt filter=p\n"
    )
    (repo / ".gitattributes").write_text(attributes)
    (repo / ".git" / "info").mkdir(exist_ok=True)
    (repo / ".git" / "info" / "attributes").write_text(attributes)
    for name in ["README.md", "src/app.py", "logo.png", "p.txt"]:
        path = repo / name
        path.write_bytes(path.read_bytes().swapcase())  # same size, other content: git must look inside to know


@pytest.fixture
def hostile(repo: Path, traps: Traps) -> Path:
    """A repository with a signed commit and every trap that we know of, armed after its commits were made."""
    commit(repo, "Before", {"p.txt": "p\n"})
    tree, parent = (git(repo, "rev-parse", name).strip() for name in ["HEAD^{tree}", "HEAD"])
    body = (
        f"tree {tree}\nparent {parent}\nauthor Eve <e@example.org> 1760000300 +0000\n"
        "committer Eve <e@example.org> 1760000300 +0000\n"
        "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n\nSigned\n"
    )
    (repo / ".git" / "signed").write_text(body)
    sha = git(repo, "hash-object", "-t", "commit", "-w", str(repo / ".git" / "signed")).strip()
    git(repo, "update-ref", "HEAD", sha)
    _arm(repo, traps)
    return repo


def test_nothing_a_repository_configures_is_run(hostile: Path, traps: Traps) -> None:
    tools = Called(make_tools(str(hostile)))
    index = (hostile / ".git" / "index").read_bytes()
    for name, arguments in CALLS:
        tools(name, **arguments)
    assert traps.sprung == set()
    assert (hostile / ".git" / "index").read_bytes() == index


def test_the_traps_are_live(hostile: Path, traps: Traps) -> None:
    """Git by itself walks into them: otherwise the test above would prove nothing."""
    git(hostile, "status", check=False)
    git(hostile, "config", "core.fsmonitor", "false")
    git(hostile, "diff", "--no-ext-diff", "--stat", check=False)
    git(hostile, "config", "--remove-section", "filter.p")
    git(hostile, "status", check=False)
    git(hostile, "log", "-1", check=False)
    git(hostile, "diff", check=False)
    git(hostile, "diff", "--no-ext-diff", check=False)
    assert traps.sprung >= {
        "core.fsmonitor", "post-index-change", "filter.evil.clean", "filter.a=b.clean", "filter.x.y.clean",
        "filter.p.process", "gpg.openpgp.program", "diff.external", "diff.evil.textconv",
    }  # fmt: skip


@pytest.mark.parametrize("url", ["ext::{}", "{}", "nowhere::x"])
@pytest.mark.parametrize("fetching", ["off", "on"])
def test_a_missing_object_is_not_fetched(
    repo: Path, traps: Traps, monkeypatch: pytest.MonkeyPatch, url: str, fetching: str
) -> None:
    blob = git(repo, "rev-parse", "HEAD:README.md").strip()
    (repo / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    (repo / "README.md").write_text("so that git cannot take it from here\n")
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": url.format(traps("url")),
        "remote.origin.uploadpack": traps("uploadpack"),
        "protocol.ext.allow": "always",
        "protocol.file.allow": "always",
        "protocol.allow": "always",
    }.items():
        git(repo, "config", key, value)
    if fetching == "on":  # what an older git does, which does not know how to leave it
        safe = git_binary._environment  # pyright: ignore[reportPrivateUsage]

        def older(root: str, settings: dict[str, str]) -> dict[str, str]:
            return safe(root, settings) | {"GIT_NO_LAZY_FETCH": "0"}

        monkeypatch.setattr(git_binary, "_environment", older)
    tools = Called(make_tools(str(repo)))
    with pytest.raises(ToolError, match="Git failed"):
        tools("show", commit="HEAD~2")
    assert traps.sprung == set()


def test_a_submodule_is_not_entered(repo: Path, traps: Traps) -> None:
    inner = repo / "inner"
    inner.mkdir()
    git(inner, "init", "-q", "-b", "main")
    commit(inner, "Inner", {"a.txt": "a\n"})
    git(repo, "-c", "advice.addEmbeddedRepo=false", "add", "inner")
    git(repo, "commit", "-q", "-m", "Take in")
    (inner / ".gitattributes").write_text("* filter=deep\n")
    git(inner, "config", "filter.deep.clean", traps("deep"))
    (inner / "a.txt").write_text("b\n")
    tools = Called(make_tools(str(repo)))
    for name, arguments in CALLS:
        tools(name, **arguments)
    assert traps.sprung == set()


@pytest.mark.parametrize(
    "value", ["--output=mark", "--exec=mark", "-O", "--", "--all", "-n1", "--no-index", "@{-1}", "^HEAD", "HEAD..main"]
)
def test_a_commit_that_looks_like_an_option_is_only_an_unknown_commit(repo: Path, value: str) -> None:
    tools = Called(make_tools(str(repo)))
    for name, argument in [("show", "commit"), ("log", "revision"), ("diff_stat", "base"), ("diff_stat", "head")]:
        with pytest.raises(ToolError, match="There is no commit"):
            tools(name, **{argument: value})
    assert not (repo / "mark").exists()


def test_a_path_that_looks_like_an_option_or_a_pattern_is_only_a_path(repo: Path) -> None:
    tools = Called(make_tools(str(repo)))
    for path in ["--output=mark", ":(exclude)README.md", ":!README.md", "*", "-p"]:
        for name in ["log", "authors"]:
            assert [] in tools(name, path=path).values()
        assert tools("diff_stat", base="HEAD~2", path=path)["files"] == []
    assert not (repo / "mark").exists()
    with pytest.raises(ToolError, match="outside repository"):
        tools("log", path="../other")


def test_a_date_that_looks_like_an_option_stays_a_date(repo: Path) -> None:
    tools = Called(make_tools(str(repo)))
    assert "commits" in tools("log", since="--output=mark")
    assert not (repo / "mark").exists()


def test_a_git_file_that_points_at_anothers_history_is_refused(repo: Path, tmp_path: Path) -> None:
    thief = tmp_path / "thief"
    thief.mkdir()
    (thief / ".git").write_text(f"gitdir: {repo}/.git\n")
    with pytest.raises(SetupError, match="does not know it"):
        make_tools(str(thief))
    (thief / ".git").unlink()
    (thief / ".git").symlink_to(repo / ".git")
    with pytest.raises(SetupError):
        make_tools(str(thief))


def test_a_work_tree_set_elsewhere_by_configuration_is_refused(repo: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    git(repo, "config", "core.worktree", str(elsewhere))
    with pytest.raises(SetupError, match="not the top of its git work tree"):
        make_tools(str(repo))


def test_a_linked_work_tree_and_a_submodule_are_at_home(repo: Path, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "-q", "-b", "aside", str(tmp_path / "aside"))
    aside = Called(make_tools(str(tmp_path / "aside")))
    assert aside("status")["branch"] == "aside"
    assert len(aside("log")["commits"]) == 3

    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q", "-b", "main")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo), "inner")
    inner = Called(make_tools(str(outer / "inner")))
    assert len(inner("log")["commits"]) == 3


def test_settings_of_the_person_who_starts_the_server_do_not_count(
    repo: Path, traps: Traps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text(f"[core]\nfsmonitor = {traps('a')}\n[diff]\nexternal = {traps('b')}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", traps("c"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "traced"))
    tools = Called(make_tools(str(repo)))
    (repo / "README.md").write_text("changed\n")
    for name, arguments in CALLS:
        tools(name, **arguments)
    assert traps.sprung == set()
    assert not (tmp_path / "traced").exists()


def _secret_and_lure(tmp_path: Path) -> tuple[Path, Path]:
    """Somebody's repository, and another one's with a commit of its own."""
    made: list[Path] = []
    for name in ("theirs", "lure"):
        repo = tmp_path / name
        repo.mkdir()
        git(repo, "init", "-q", "-b", "main")
        commit(repo, f"of {name}", {"a.txt": name})
        made.append(repo)
    return made[0], made[1]


@pytest.mark.parametrize("trick", ["commondir", "alternates", "objects", "refs", "pack", "one object", "packed-refs"])
def test_no_part_of_a_repository_is_taken_from_elsewhere(tmp_path: Path, trick: str) -> None:
    theirs, lure = _secret_and_lure(tmp_path)
    own, other = lure / ".git", theirs / ".git"
    if trick == "commondir":
        (own / "commondir").write_text(f"{other}\n")
    elif trick == "alternates":
        (own / "objects/info/alternates").write_text(f"{other}/objects\n")
    elif trick == "pack":
        (own / "objects/pack").rmdir()
        (own / "objects/pack").symlink_to(other / "objects/pack")
    elif trick == "one object":
        found = next(path for path in (other / "objects").glob("??/*"))
        folder = own / "objects" / found.parent.name
        folder.mkdir(exist_ok=True)
        (folder / f"{found.name[:-1]}x").symlink_to(found)
    elif trick == "packed-refs":
        (own / "packed-refs").symlink_to(other / "packed-refs")
    else:
        (own / trick).rename(own / f"{trick}.mine")
        (own / trick).symlink_to(other / trick)
    with pytest.raises(SetupError, match=r"elsewhere|borrows"):
        make_tools(str(lure))


def test_a_linked_work_tree_and_a_plain_clone_are_as_good_as_before(tmp_path: Path) -> None:
    _, lure = _secret_and_lure(tmp_path)
    git(lure, "worktree", "add", "-q", str(tmp_path / "linked"))
    git(tmp_path, "clone", "-q", str(lure), str(tmp_path / "clone"))
    for folder in (lure, tmp_path / "linked", tmp_path / "clone"):
        assert Called(make_tools(str(folder)))("log")["commits"][0]["subject"] == "of lure"
