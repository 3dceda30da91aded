"""Manifests in files: what is read, when it has changed, and what goes when it is declared no longer."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.scope import system_scope
from swarmstead.resources import handlers
from swarmstead.resources.contract import files_actor
from swarmstead.resources.errors import DeclaredElsewhere, ManifestRefused
from swarmstead.resources.files import DeclaredFiles
from swarmstead.resources.manifests import parse
from swarmstead.resources.queries import Registry
from swarmstead.storage.database import Database, Tx
from swarmstead.wiring import KINDS
from tests.clocks import MovableClock

_WITHIN_S = 30.0
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


Declare = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def declare_for(database: Database, clock: MovableClock) -> Declare:
    """Declares texts as a server with this owner does."""

    def declare(owner: str, *texts: str) -> list[tuple[str, str]]:
        scope = system_scope("default", files_actor(owner))
        documents = parse("---\n".join(texts), KINDS)
        done = database.write_sync(lambda tx: handlers.declare(tx, scope, clock, documents, KINDS))
        return [(one.name, one.action) for one in done]

    return declare


def test_files_of_two_owners_leave_each_others_alone(database: Database, declare_for: Declare) -> None:
    assert declare_for("config", binding("plain")) == [("plain", "created")]  # a server that names none
    assert declare_for("alpha", binding("one"), binding("two")) == [("one", "created"), ("two", "created")]
    assert declare_for("beta", binding("three")) == [("three", "created")]
    assert declare_for("alpha", binding("one")) == [("one", "unchanged"), ("two", "deleted")]
    assert declare_for("config", binding("other")) == [("other", "created"), ("plain", "deleted")]
    assert declared(database) == ["one", "other", "three"]


def test_servers_with_one_owner_and_the_same_files_agree(database: Database, declare_for: Declare) -> None:
    assert declare_for("alpha", binding("one")) == [("one", "created")]
    assert declare_for("alpha", binding("one")) == [("one", "unchanged")]
    assert declare_for("alpha", binding("one", "write")) == [("one", "updated")]  # the first one that has the new files
    assert declared(database) == ["one"]


@pytest.mark.parametrize("tool", ["read", "write"])
def test_what_two_owners_declare_is_refused_and_names_both(
    database: Database, clock: MovableClock, declare_for: Declare, tool: str
) -> None:
    declare_for("config", binding("shared"))
    with pytest.raises(DeclaredElsewhere, match=r"Binding shared .*'config', who has it, and 'beta'") as caught:
        declare_for("beta", binding("own"), binding("shared", tool))
    assert caught.value.extra == {"kind": "Binding", "name": "shared", "owners": ["config", "beta"]}
    assert declared(database) == ["shared"]  # nothing is half taken
    declare_for("config", binding("else"))  # who has it gives it up
    assert declare_for("beta", binding("shared", tool))[0][0] == "shared"
    with pytest.raises(DeclaredElsewhere, match="'beta', who has it, and 'config'"):
        declare_for("config", binding("else"), binding("shared"))
    database.write_sync(lambda tx: handlers.delete(tx, ADA, clock, "Binding", "shared"))  # or a person hands it over
    assert ("shared", "created") in declare_for("config", binding("else"), binding("shared"))


def test_files_have_what_a_person_has_declared_since_whoever_owned_it(
    database: Database, clock: MovableClock, declare_for: Declare
) -> None:
    declare_for("alpha", binding("one"))
    database.write_sync(lambda tx: handlers.apply(tx, ADA, clock, parse(binding("one", "write"), KINDS)))
    assert declare_for("beta", binding("one")) == [("one", "updated")]
    with pytest.raises(DeclaredElsewhere):
        declare_for("alpha", binding("one"))


def test_what_a_person_declares_anew_at_that_moment_is_not_taken_back(
    postgres_database: Database, clock: MovableClock
) -> None:
    """Her change is not committed yet when the files declare it no longer: who takes back waits for it, and looks."""
    applied, go = threading.Event(), threading.Event()
    waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")

    def declare(*texts: str) -> list[tuple[str, str]]:
        documents = parse("---\n".join(texts), KINDS)
        done = postgres_database.write_sync(lambda tx: handlers.declare(tx, CONFIG, clock, documents, KINDS))
        return [(one.name, one.action) for one in done]

    def anew(tx: Tx) -> None:
        handlers.apply(tx, ADA, clock, parse(binding("one", "write"), KINDS))
        applied.set()
        go.wait(_WITHIN_S)

    assert declare(binding("one")) == [("one", "created")]
    with ThreadPoolExecutor(2) as others:
        hers = others.submit(postgres_database.write_sync, anew)
        assert applied.wait(_WITHIN_S)
        files = others.submit(declare, binding("two"))
        while not postgres_database.read_sync(lambda conn: conn.execute(waits).scalar_one()):
            assert not files.done()
        go.set()
        assert files.result(_WITHIN_S) == [("two", "created")]
        hers.result(_WITHIN_S)
    assert declared(postgres_database) == ["one", "two"]
