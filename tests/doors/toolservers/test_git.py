"""The git server over a small repository: what each tool says, and where it stops."""

from pathlib import Path

import pytest

from swarmstead.doors.toolservers import git_binary, git_reads
from swarmstead.doors.toolservers.git import make_tools
from swarmstead.doors.toolservers.tools import SetupError, ToolError
from tests.doors.toolservers.conftest import Connect
from tests.doors.toolservers.helpers import Called, commit, git


@pytest.fixture
def tools(repo: Path) -> Called:
    return Called(make_tools(str(repo)))


async def test_the_official_client_gets_data_that_satisfies_each_output_schema(connect: Connect, repo: Path) -> None:
    async with connect("git", "--root", str(repo)) as client:
        for name in [tool.name for tool in (await client.list_tools()).tools]:
            result = await client.call_tool(name, {"commit": "HEAD"} if name == "show" else {})
            assert not result.is_error, name
            assert result.structured_content, name


def test_log_is_newest_first_and_says_when_there_is_more(tools: Called) -> None:
    log = tools("log")
    assert [one["subject"] for one in log["commits"]] == ["Add a logo", "Greet", "Begin"]
    assert not log["truncated"]
    second = log["commits"][1]
    assert (second["author"], second["email"], second["at"]) == (
        "Grace",
        "grace@example.org",
        "2025-10-09T08:55:00+00:00",
    )
    assert second["parents"] == [log["commits"][2]["sha"]]
    cut = tools("log", limit=2)
    assert len(cut["commits"]) == 2
    assert cut["truncated"]


def test_log_narrows_by_path_date_and_revision(tools: Called) -> None:
    assert [one["subject"] for one in tools("log", path="README.md")["commits"]] == ["Begin"]
    assert [one["subject"] for one in tools("log", since="2025-10-09T08:56:00Z")["commits"]] == ["Add a logo"]
    assert [one["subject"] for one in tools("log", revision="HEAD~2")["commits"]] == ["Begin"]


def test_show_gives_message_files_and_patch_and_cuts_it(tools: Called) -> None:
    shown = tools("show", commit="HEAD~1")
    assert shown["message"] == "Greet\n\nBy name."
    assert shown["files"] == [{"path": "src/app.py", "added": 1, "deleted": 0, "binary": False}]
    assert "+print('you')" in shown["patch"]
    assert not shown["truncated"]
    cut = tools("show", commit="HEAD~1", max_lines=2)
    assert cut["patch"].count("\n") == 1
    assert cut["truncated"]
    binary = tools("show", commit="HEAD")["files"][0]
    assert binary == {"path": "logo.png", "added": 0, "deleted": 0, "binary": True}
    assert tools("show", commit="HEAD~2")["files"][0]["path"] == "README.md"  # the first commit has no parent


def test_a_merge_shows_what_it_brought_in(tools: Called, repo: Path) -> None:
    git(repo, "switch", "-q", "-c", "side", "HEAD~1")
    commit(repo, "Side", {"side.txt": "1\n"})
    git(repo, "switch", "-q", "main")
    git(repo, "merge", "-q", "--no-ff", "-m", "Merge side", "side")
    shown = tools("show", commit="HEAD")
    assert len(shown["parents"]) == 2
    assert [one["path"] for one in shown["files"]] == ["side.txt"]
    assert "+1" in shown["patch"]


def test_diff_stat_compares_commits_and_working_files(tools: Called, repo: Path) -> None:
    between = tools("diff_stat", base="HEAD~2", head="HEAD")
    assert (between["file_count"], between["added"], between["deleted"]) == (2, 1, 1)
    assert tools("diff_stat")["files"] == []
    (repo / "README.md").write_text("# Shop\nOpen.\n")
    assert tools("diff_stat")["files"] == [{"path": "README.md", "added": 1, "deleted": 0, "binary": False}]
    cut = tools("diff_stat", base="HEAD~2", limit=1)
    assert len(cut["files"]) == 1
    assert cut["file_count"] == 3
    assert cut["truncated"]


def test_authors_and_churn_are_ranked(tools: Called, repo: Path) -> None:
    assert [(one["name"], one["commits"]) for one in tools("authors")["authors"]] == [("Ada", 2), ("Grace", 1)]
    assert tools("authors", limit=1)["truncated"]
    first = tools("churn")["files"][0]
    assert first == {"path": "src/app.py", "commits": 3, "added": 3, "deleted": 2}
    assert [one["path"] for one in tools("churn", commits=1)["files"]] == ["src/app.py", "logo.png"]
    (repo / ".mailmap").write_text("Ada <ada@example.org> Grace <grace@example.org>\n")
    assert tools("authors")["authors"] == [{"name": "Ada", "email": "ada@example.org", "commits": 3}]


def test_status_tells_staged_from_unstaged(tools: Called, repo: Path) -> None:
    assert tools("status")["clean"]
    (repo / "README.md").write_text("# Changed\n")
    (repo / "new name.txt").write_text("x")
    (repo / "staged.txt").write_text("x")
    git(repo, "add", "staged.txt")
    (repo / "logo.png").unlink()
    status = tools("status")
    assert status["branch"] == "main"
    assert not status["clean"]
    assert {one["path"]: (one["staged"], one["unstaged"]) for one in status["changes"]} == {
        "README.md": ("none", "modified"),
        "logo.png": ("none", "deleted"),
        "staged.txt": ("added", "none"),
        "new name.txt": ("none", "untracked"),
    }
    assert tools("status", limit=1)["truncated"]


def test_status_names_the_upstream_and_conflicts(tools: Called, repo: Path) -> None:
    git(repo, "branch", "base", "HEAD~2")
    git(repo, "branch", "--set-upstream-to=base", "main")
    status = tools("status")
    assert (status["upstream"], status["ahead"], status["behind"]) == ("base", 2, 0)
    git(repo, "switch", "-q", "-c", "other", "HEAD~1")
    commit(repo, "Other", {"src/app.py": "print('other')\n"})
    with pytest.raises(Exception, match="merge"):
        git(repo, "merge", "-q", "main")
    assert {"path": "src/app.py", "staged": "conflict", "unstaged": "conflict"} in tools("status")["changes"]


def test_branches_tell_local_from_remote(tools: Called, repo: Path) -> None:
    git(repo, "branch", "old", "HEAD~2")
    git(repo, "update-ref", "refs/remotes/origin/main", "HEAD~1")
    found = {one["name"]: one for one in tools("branches")["branches"]}
    assert list(found) == ["main", "origin/main", "old"]
    assert found["main"]["current"]
    assert not found["old"]["current"]
    assert found["origin/main"]["remote"]
    assert found["old"]["subject"] == "Begin"
    assert tools("branches", limit=1)["truncated"]


def test_a_repository_without_commits_has_nothing_to_say(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    tools = Called(make_tools(str(tmp_path)))
    assert tools("log")["commits"] == tools("authors")["authors"] == tools("churn")["files"] == []
    assert tools("status")["clean"]
    assert tools("branches")["branches"] == []
    with pytest.raises(ToolError, match="There is no commit 'HEAD'"):
        tools("show", commit="HEAD")


def test_odd_names_and_bytes_come_through_as_data(tools: Called, repo: Path) -> None:
    commit(repo, "Tab\tand ünïcode", {"a\nb\tc.txt": "1\n", " lead.txt": "2\n"}, author="Ren\u00e9")
    assert tools("log", limit=1)["commits"][0]["subject"] == "Tab\tand ünïcode"
    assert {one["path"] for one in tools("show", commit="HEAD")["files"]} == {"a\nb\tc.txt", " lead.txt"}
    assert {"a\nb\tc.txt", " lead.txt"} <= {one["path"] for one in tools("churn")["files"]}


def test_output_over_the_cap_is_cut_at_a_whole_row(tools: Called, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_reads, "_PATCH_CAP", 1000)
    commit(repo, "Big", {"big.txt": "line\n" * 5000})
    shown = tools("show", commit="HEAD", max_lines=5000)
    assert shown["truncated"]
    assert len(shown["patch"]) <= 1000


def test_a_command_that_takes_too_long_is_stopped(tools: Called, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / ".mailmap").unlink(missing_ok=True)
    (repo / "bin").mkdir()
    slow = repo / "bin" / "git"
    slow.write_text("#!/bin/sh\nexec /bin/cat /dev/zero >/dev/null\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(repo / "bin"))
    monkeypatch.setattr(git_binary, "TIMEOUT_S", 0.2)
    with pytest.raises(ToolError, match=r"longer than 0\.2 s and was stopped"):
        tools("branches")


def test_without_git_or_with_one_too_old_the_server_does_not_start(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "bin").mkdir()
    monkeypatch.setenv("PATH", str(repo / "bin"))
    with pytest.raises(SetupError, match="not on the PATH"):
        make_tools(str(repo))
    old = repo / "bin" / "git"
    old.write_text("#!/bin/sh\necho git version 2.30.2\n")
    old.chmod(0o755)
    with pytest.raises(SetupError, match=r"2\.31 or newer is needed"):
        make_tools(str(repo))
