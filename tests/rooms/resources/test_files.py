"""Manifests in files: what is read, when it has changed, and what goes when it is declared no longer."""

from pathlib import Path

import pytest

from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.scope import system_scope
from swarmstead.resources import handlers
from swarmstead.resources.errors import ManifestRefused
from swarmstead.resources.files import DeclaredFiles
from swarmstead.resources.manifests import parse
from swarmstead.resources.queries import Registry
from swarmstead.storage.database import Database
from swarmstead.wiring import KINDS
from tests.clocks import MovableClock

CONFIG, ADA, OTHER = (
    system_scope("default", "config"),
    system_scope("default", "ada"),
    system_scope("other", "config"),
)


def binding(name: str, tool: str = "read") -> str:
    head = f"apiVersion: swarmstead.dev/v1alpha1\nkind: Binding\nmetadata: {{name: {name}}}\n"
    return f'{head}spec: {{agent: "*", server: files, tools: [{tool}]}}\n'


def names_in(files: DeclaredFiles) -> list[str]:
    return [one.metadata.name for one in files.load()]


def test_a_folder_is_read_by_name_without_what_is_hidden(tmp_path: Path) -> None:
    # As Kubernetes mounts a ConfigMap: a link to a file in a folder that begins with dots.
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "b.yaml").write_text(binding("b"))
    (tmp_path / "b.yaml").symlink_to(tmp_path / "..2026" / "b.yaml")
    (tmp_path / "a.yml").write_text(binding("a"))
    (tmp_path / "notes.txt").write_text("nothing")
    assert names_in(DeclaredFiles([tmp_path], KINDS)) == ["a", "b"]


def test_the_file_that_declares_something_is_known_while_others_are_faulty(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(binding("a").replace("agent", "agnet"))
    (tmp_path / "b.yaml").write_text(f"{binding('b')}---\n{binding('c')}")
    files = DeclaredFiles([tmp_path], KINDS)
    there = str(tmp_path / "b.yaml")
    assert [files.declaring("Binding", name) for name in "abcd"] == ["", there, there, ""]
    assert files.declaring("ToolServer", "b") == ""
    assert files.loaded == ()  # a change that is to be taken still shows
    assert DeclaredFiles([tmp_path / "none"], KINDS).declaring("Binding", "b") == ""


def test_every_change_of_a_file_shows(tmp_path: Path) -> None:
    one, folder = tmp_path / "one.yaml", tmp_path / "folder"
    folder.mkdir()
    one.write_text(binding("one"))
    (folder / "two.yaml").write_text(binding("two"))
    files = DeclaredFiles([one, folder], KINDS)
    files.load()
    states = [files.state()]
    assert files.loaded == states[0]
    (folder / "three.yaml").write_text(binding("three"))
    states.append(files.state())
    (folder / "two.yaml").unlink()
    states.append(files.state())
    other = tmp_path / "other"
    other.write_text(binding("own"))  # as long as the one that it replaces
    other.replace(one)
    states.append(files.state())
    one.unlink()
    states.append(files.state())
    assert len(set(states)) == len(states)
    with pytest.raises(BadInput, match=r"one\.yaml cannot be read"):
        files.load()


def test_faults_of_all_files_are_told_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(binding("a").replace("agent", "agnet"))
    (tmp_path / "b.yaml").write_text(f"{binding('b')}---\n{binding('b')}")
    with pytest.raises(ManifestRefused) as caught:
        DeclaredFiles([tmp_path], KINDS).load()
    found = [(Path(one.file).name, one.line, one.field) for one in caught.value.errors]
    assert found == [("a.yaml", 4, "spec.agent"), ("a.yaml", 4, "spec.agnet"), ("b.yaml", 8, "metadata.name")]


def test_a_folder_without_manifests_takes_nothing_back(tmp_path: Path) -> None:
    """A volume that was not mounted must not read as `nothing is declared any more`."""
    with pytest.raises(BadInput, match=r"no \.yaml or \.yml file"):
        DeclaredFiles([tmp_path], KINDS).load()


@pytest.mark.parametrize("content", ["", "# nothing but a remark\n", "---\n"])
def test_a_file_that_was_cut_to_nothing_takes_nothing_back(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.yaml").write_text(binding("a"))
    (tmp_path / "b.yaml").write_text(content)
    with pytest.raises(ManifestRefused, match="no document"):
        DeclaredFiles([tmp_path], KINDS).load()


def test_a_link_whose_file_is_gone_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(binding("a"))
    (tmp_path / "b.yaml").symlink_to(tmp_path / "gone.yaml")
    with pytest.raises(BadInput, match=r"b\.yaml cannot be read"):
        DeclaredFiles([tmp_path], KINDS).load()


def declared(database: Database, tenant: str = "default") -> list[str]:
    scope = system_scope(tenant)
    return [one.name for one in database.read_sync(lambda conn: Registry(KINDS).all(conn, scope, "Binding"))]


def test_what_is_declared_no_longer_is_taken_back_and_nothing_of_others(
    database: Database, clock: MovableClock
) -> None:
    def declare(*texts: str) -> list[tuple[str, str]]:
        documents = parse("---\n".join(texts), KINDS)
        done = database.write_sync(lambda tx: handlers.declare(tx, CONFIG, clock, documents, KINDS))
        return [(one.name, one.action) for one in done]

    def apply(text: str, scope: object = ADA) -> None:
        assert scope in (ADA, OTHER)
        chosen = ADA if scope is ADA else OTHER
        database.write_sync(lambda tx: handlers.apply(tx, chosen, clock, parse(text, KINDS)))

    apply(binding("adas"))
    apply(binding("same"))
    apply(binding("there"), OTHER)
    assert declare(binding("one"), binding("two"), binding("same")) == [
        ("one", "created"),
        ("two", "created"),
        ("same", "unchanged"),
    ]
    apply(binding("two", "write"))  # from now on it is hers
    assert declare(binding("one"), binding("same")) == [("one", "unchanged"), ("same", "unchanged")]
    assert declared(database) == ["adas", "one", "same", "two"]
    assert declare(binding("three")) == [("three", "created"), ("one", "deleted"), ("same", "deleted")]
    assert declare(binding("three")) == [("three", "unchanged")]
    assert declared(database) == ["adas", "three", "two"]
    assert declared(database, "other") == ["there"]
    assert declare(binding("one"), binding("three")) == [("one", "created"), ("three", "unchanged")]


def test_a_kind_that_cannot_be_declared_here_is_somebody_elses_to_look_after(
    database: Database, clock: MovableClock
) -> None:
    """A gateway beside a server: the same actor, and files without the kinds of runs."""
    documents = parse(binding("one"), KINDS)
    less = KINDS.keys() - {"Binding"}
    database.write_sync(lambda tx: handlers.declare(tx, CONFIG, clock, documents, KINDS))
    done = database.write_sync(lambda tx: handlers.declare(tx, CONFIG, clock, [], less))
    assert done == []
    assert declared(database) == ["one"]
