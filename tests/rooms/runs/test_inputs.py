"""What a run may be given: each wrong input is refused before anything is stored, and says why and what to do."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from swarmstead.runs.adapters.repositories import LocalRepositories
from swarmstead.runs.errors import InputRefused
from swarmstead.runs.tables import plans, runs
from tests.rooms.runs.house import House
from tests.rooms.runs.swarms import manifests, swarm

INPUTS = {
    "repo": {"type": "repository", "description": "Where to look."},
    "depth": {"type": "number", "required": False},
    "loud": {"type": "boolean", "default": False},
    "title": {"type": "text", "default": "Untitled"},
}


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """A folder that runs may read, with a repository, a folder that is none, and ways out of it."""
    folder, outside = tmp_path / "allowed", tmp_path / "outside"
    for repository in (folder / "repo", outside / "repo", tmp_path / "allowed-not"):
        repository.mkdir(parents=True)
        (repository / ".git").mkdir()
    (folder / "plain").mkdir()
    (folder / "file").write_text("no folder")
    (folder / "way-out").symlink_to(outside)
    (folder / "way-in").symlink_to(folder / "repo")
    (folder / "loop").symlink_to(folder / "loop")
    return folder


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "This is not a path"),
        ("{allowed}/repo\0", "This is not a path"),
        ("x" * 5000, "This is not a path"),
        ("{allowed}/../outside/repo", "outside of the folders"),
        ("{allowed}/way-out/repo", "outside of the folders"),
        ("{allowed}-not", "outside of the folders"),
        ("/", "outside of the folders"),
        ("{allowed}/loop", "cannot be followed|There is no folder"),
        ("{allowed}/nothing", "There is no folder"),
        ("{allowed}/file", "There is no folder"),
        ("{allowed}/plain", "not the top folder of a git repository"),
        ("{allowed}/repo/.git", "not the top folder of a git repository"),
    ],
)
def test_a_path_that_may_not_be_read_is_refused(allowed: Path, path: str, words: str) -> None:
    with pytest.raises(InputRefused, match=words) as refused:
        LocalRepositories([allowed]).check(path.format(allowed=allowed))
    assert refused.value.way_out


def test_nothing_outside_is_told_apart(allowed: Path) -> None:
    """Whether a path outside exists, and what it is, cannot be learnt."""
    outside = allowed.parent / "outside"
    messages: set[str] = set()
    for path in (outside / "repo", outside / "nothing", outside):
        with pytest.raises(InputRefused) as refused:
            LocalRepositories([allowed]).check(str(path))
        messages.add(refused.value.message.replace(str(path), "PATH"))
    assert len(messages) == 1


@pytest.mark.parametrize("path", ["{allowed}/repo", "{allowed}/way-in", "{allowed}/plain/../repo/"])
def test_the_real_path_of_a_repository_is_taken(allowed: Path, path: str) -> None:
    assert LocalRepositories([allowed]).check(path.format(allowed=allowed)) == allowed / "repo"


def test_a_work_tree_is_a_repository(allowed: Path) -> None:
    """A linked work tree has a file called .git."""
    tree = allowed / "tree"
    git = ["git", "-C", str(allowed / "repo"), "-c", "user.name=T", "-c", "user.email=t@example.invalid"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "Begin"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(tree)], check=True)
    assert LocalRepositories([allowed]).check(str(tree)) == tree


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "input.repo"),
        ({"repo": None}, "input.repo"),
        ({"repo": 7}, "input.repo"),
        ({"repo": ["."]}, "input.repo"),
        ({"repo": "/"}, "input.repo"),
        ({"repo": "{repo}", "depth": "3"}, "input.depth"),
        ({"repo": "{repo}", "depth": True}, "input.depth"),
        ({"repo": "{repo}", "loud": 1}, "input.loud"),
        ({"repo": "{repo}", "loud": "yes"}, "input.loud"),
        ({"repo": "{repo}", "title": {"a": 1}}, "input.title"),
        ({"repo": "{repo}", "tilte": "typo"}, "input.tilte"),
    ],
)
async def test_a_wrong_input_is_refused_and_nothing_is_stored(house: House, given: dict[str, Any], field: str) -> None:
    await house.declare(manifests({"boss": ["done"]}, swarm(inputs=INPUTS)))
    values = {
        name: value.format(repo=house.repository) if isinstance(value, str) else value for name, value in given.items()
    }
    for refuse in (house.preview, house.launch):
        with pytest.raises(InputRefused) as refused:
            await refuse(input=values)
        assert (refused.value.field, refused.value.way_out != "") == (field, True)
    for table in (plans, runs):
        assert await house.db.read(lambda conn, table=table: conn.execute(table.select()).all()) == []


async def test_defaults_are_filled_in(house: House) -> None:
    await house.declare(manifests({"boss": ["done"]}, swarm(inputs=INPUTS, task="{title} in {repo} {loud}")))
    plan = await house.preview(input={"repo": str(house.repository), "depth": 2.5})
    assert plan.input == {"repo": str(house.repository), "depth": 2.5, "loud": False, "title": "Untitled"}
    assert (plan.task, plan.root) == (f"Untitled in {house.repository} False", str(house.repository))


@pytest.mark.parametrize("path", ["/" + "x" * 300, "/tmp/\udc80", "~nobody-here/x", "a" * 5000])
def test_what_is_no_path_to_the_system_is_refused(path: str) -> None:
    with pytest.raises(InputRefused) as caught:
        LocalRepositories([Path("/")]).check(path)
    assert caught.value.message.encode()
