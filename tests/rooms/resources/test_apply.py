"""Applying: versions that stay, all documents or none, and no race between workers."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from swarmstead.audit import queries as audit
from swarmstead.kernel.errors import NotPermitted
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.resources import handlers
from swarmstead.resources.contract import Applied, Resource
from swarmstead.resources.errors import ResourceUnknown
from swarmstead.resources.manifests import parse
from swarmstead.resources.queries import Registry, diff
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.signals import Signals
from swarmstead.wiring import KINDS
from tests.clocks import MovableClock
from tests.conftest import OpenDatabase
from tests.rooms.resources.helpers import agent, manifest, one

ADA = Scope("acme", Actor("key:k_ada", "user", "Ada", frozenset({"admin"})))
EVE = Scope("evil", Actor("key:k_eve", "user", "Eve", frozenset({"admin"})))
REGISTRY = Registry(KINDS)


def apply(database: Database, clock: MovableClock, *texts: str, scope: Scope = ADA) -> list[str]:
    """What was done with each document."""
    documents = parse("---\n".join(texts), KINDS)
    return [found.action for found in database.write_sync(lambda tx: handlers.apply(tx, scope, clock, documents))]


def get(database: Database, name: str, digest: str = "", scope: Scope = ADA) -> Resource:
    return database.read_sync(lambda conn: REGISTRY.get(conn, scope, "Agent", name, digest))


def versions(database: Database, name: str) -> list[tuple[int, str]]:
    found = database.read_sync(lambda conn: REGISTRY.versions(conn, ADA, "Agent", name))
    return [(version.version, version.spec.instructions) for version in found]


def test_the_first_time_creates_the_second_changes_nothing(database: Database, clock: MovableClock) -> None:
    assert apply(database, clock, agent()) == ["created"]
    clock.advance(seconds=5)
    assert apply(database, clock, agent(max_turns=24)) == ["unchanged"]
    found = get(database, "helper")
    assert (found.version, found.digest, found.created_by) == (1, one(agent()).digest, "key:k_ada")
    assert found.created_at == clock.now_ms() - 5000
    assert found.spec == one(agent()).spec
    assert len(database.read_sync(lambda conn: audit.page(conn, ADA))) == 1


def delete(database: Database, clock: MovableClock, name: str, scope: Scope = ADA) -> None:
    database.write_sync(lambda tx: handlers.delete(tx, scope, clock, "Agent", name))


def test_what_is_deleted_is_gone_and_its_history_stays(
    database: Database, clock: MovableClock, signals: Signals
) -> None:
    apply(database, clock, agent())
    digest = get(database, "helper").digest
    with pytest.raises(ResourceUnknown):
        delete(database, clock, "helper", EVE)
    heard: list[str] = []
    signals.watch(heard.append)
    delete(database, clock, "helper")
    assert heard == ["resources:acme"]
    with pytest.raises(ResourceUnknown):
        get(database, "helper")
    assert database.read_sync(lambda conn: REGISTRY.all(conn, ADA, "Agent")) == []
    assert versions(database, "helper") == [(1, "Help.")]
    assert get(database, "helper", digest).spec.instructions == "Help."
    (row, *_) = database.read_sync(lambda conn: audit.page(conn, ADA))
    assert (row.action, row.target, row.data) == ("resource.delete", "Agent/helper", {"before": digest})
    with pytest.raises(ResourceUnknown):  # there is nothing to delete any more
        delete(database, clock, "helper")


def test_what_was_deleted_can_be_applied_again(database: Database, clock: MovableClock) -> None:
    apply(database, clock, agent())
    delete(database, clock, "helper")
    assert apply(database, clock, agent()) == ["created"]
    assert get(database, "helper").version == 1
    delete(database, clock, "helper")
    assert apply(database, clock, agent(instructions="Help more.")) == ["created"]
    assert versions(database, "helper") == [(2, "Help more."), (1, "Help.")]


def test_a_sample_that_was_deleted_does_not_come_back(database: Database, clock: MovableClock) -> None:
    apply(database, clock, agent())
    delete(database, clock, "helper")
    documents = parse(agent(), KINDS)
    assert database.write_sync(lambda tx: handlers.apply_missing(tx, ADA, clock, documents)) == []


def test_only_who_may_apply_may_delete(database: Database, clock: MovableClock) -> None:
    apply(database, clock, agent())
    viewer = Scope("acme", Actor("key:k_vi", "user", "Vi", frozenset({"viewer"})))
    with pytest.raises(NotPermitted):
        delete(database, clock, "helper", viewer)


def test_references_that_lead_nowhere_are_named(database: Database) -> None:
    binding = manifest("Binding", "wrong", {"agent": "helper", "server": "gone", "tools": ["x"]})
    outside = manifest("Binding", "all", {"agent": "*", "server": "gone", "tools": ["x"]})
    swarm = manifest("Swarm", "s", {"pattern": "delegate", "coordinator": "helper", "members": ["nobody"], "task": "x"})
    documents = parse(f"{agent()}---\n{binding}---\n{outside}---\n{swarm}", KINDS)
    found = database.read_sync(lambda conn: REGISTRY.dangling(conn, ADA, documents))
    assert found == [
        ["model: there is no Model called 'scripted'."],
        ["server: there is no ToolServer called 'gone'."],
        ["server: there is no ToolServer called 'gone'."],
        ["members: there is no Agent called 'nobody'."],
    ]


def test_what_still_names_a_resource_is_known_within_its_tenant(database: Database, clock: MovableClock) -> None:
    binding = manifest("Binding", "hands", {"agent": "helper", "server": "kit", "tools": ["x"]})
    swarm = manifest("Swarm", "s", {"pattern": "delegate", "coordinator": "boss", "members": ["helper"], "task": "x"})
    theirs = manifest("Swarm", "t", {"pattern": "delegate", "coordinator": "helper", "task": "x"})
    apply(database, clock, agent(), agent("boss"), binding, swarm)
    apply(database, clock, agent(), theirs, scope=EVE)

    def users(kind: str, name: str) -> list[tuple[str, str]]:
        return database.read_sync(lambda conn: REGISTRY.users(conn, ADA, kind, name))

    assert users("Agent", "helper") == [("Binding", "hands"), ("Swarm", "s")]
    assert users("Model", "scripted") == [("Agent", "boss"), ("Agent", "helper")]
    assert users("ToolServer", "helper") == []
    database.write_sync(lambda tx: handlers.delete(tx, ADA, clock, "Swarm", "s"))
    assert users("Agent", "helper") == [("Binding", "hands")]


def test_a_change_is_a_new_version_and_the_old_one_stays(database: Database, clock: MovableClock) -> None:
    apply(database, clock, agent())
    first = get(database, "helper")
    assert apply(database, clock, agent(instructions="Help more.")) == ["updated"]
    assert versions(database, "helper") == [(2, "Help more."), (1, "Help.")]
    assert get(database, "helper").version == 2
    assert get(database, "helper", first.digest) == first


def test_an_old_content_makes_that_very_version_current_again(database: Database, clock: MovableClock) -> None:
    for text in ("one", "two", "one"):
        apply(database, clock, agent(instructions=text))
    assert get(database, "helper").version == 1
    assert versions(database, "helper") == [(2, "two"), (1, "one")]
    assert apply(database, clock, agent(instructions="three")) == ["updated"]
    assert versions(database, "helper") == [(3, "three"), (2, "two"), (1, "one")]
    assert database.read_sync(lambda conn: REGISTRY.count_versions(conn, ADA, "Agent")) == {"helper": 3}


def test_labels_and_owner_change_without_a_new_version(database: Database, clock: MovableClock) -> None:
    spec = {"instructions": "Help.", "model": "scripted"}
    apply(database, clock, agent())
    assert apply(database, clock, manifest("Agent", "helper", spec, labels={"a": "b"}, owner="ada")) == ["updated"]
    found = get(database, "helper")
    assert (found.version, found.labels, found.owner) == (1, {"a": "b"}, "ada")


def test_all_documents_are_applied_or_none(database: Database, clock: MovableClock) -> None:
    assert apply(database, clock, agent("a"), agent("b"), agent("a1")) == ["created"] * 3
    documents = parse(agent("c") + "---\n" + agent("a", instructions="New."), KINDS)

    def failing(tx: Tx) -> list[Applied]:
        handlers.apply(tx, ADA, clock, documents)
        raise ValueError("after everything was written")

    with pytest.raises(ValueError):
        database.write_sync(failing)
    found = database.read_sync(lambda conn: REGISTRY.all(conn, ADA, "Agent"))
    assert [(one.name, one.version) for one in found] == [("a", 1), ("a1", 1), ("b", 1)]


def test_what_was_done_is_told_in_the_order_of_the_documents(database: Database, clock: MovableClock) -> None:
    apply(database, clock, agent("m"))
    texts = [agent("z"), agent("m"), agent("a")]
    assert apply(database, clock, *texts) == ["created", "unchanged", "created"]


def test_only_those_who_may_apply(database: Database, clock: MovableClock) -> None:
    for role in ("viewer", "operator", "approver"):
        scope = Scope("acme", Actor("key:k", "user", "Ada", frozenset({role})))
        with pytest.raises(NotPermitted):
            apply(database, clock, agent(), scope=scope)
    assert database.read_sync(lambda conn: REGISTRY.all(conn, ADA, "Agent")) == []


def test_every_change_is_audited_and_wakes_who_listens(
    database: Database, clock: MovableClock, signals: Signals
) -> None:
    heard: list[str] = []
    signals.watch(heard.append)
    apply(database, clock, agent())
    apply(database, clock, agent())
    apply(database, clock, agent(instructions="More."))
    rows = database.read_sync(lambda conn: audit.page(conn, ADA))
    assert [(row.action, row.target, row.data["action"]) for row in rows] == [
        ("resource.apply", "Agent/helper", "updated"),
        ("resource.apply", "Agent/helper", "created"),
    ]
    assert rows[0].data["before"] == rows[1].data["digest"] == one(agent()).digest
    assert heard == ["resources:acme"] * 2


def test_what_ships_with_the_product_is_declared_only_where_nothing_is(database: Database, clock: MovableClock) -> None:
    shipped = parse("---\n".join([agent("a"), agent("b")]), KINDS)
    apply(database, clock, agent("a", instructions="Mine."))
    for expected in (["b"], []):
        done = database.write_sync(lambda tx: handlers.apply_missing(tx, ADA, clock, shipped))
        assert [one.name for one in done] == expected
    assert get(database, "a").spec.instructions == "Mine."


# Races ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("existing", [False, True])
def test_workers_that_apply_the_same_at_once_make_one_version(
    postgres_url: str, open_database_at: OpenDatabase, clock: MovableClock, *, existing: bool
) -> None:
    workers = [open_database_at(postgres_url) for _ in range(2)]
    for number in range(5):
        name = f"agent-{number}"
        if existing:
            apply(workers[0], clock, agent(name, instructions="Old."))
        together = threading.Barrier(4)

        def work(worker: int, name: str = name, together: threading.Barrier = together) -> list[str]:
            documents = parse(agent(name), KINDS)

            def handler(tx: Tx) -> list[str]:
                tx.conn.execute(sa.text("SELECT 1"))
                together.wait(30)
                return [done.action for done in handlers.apply(tx, ADA, clock, documents)]

            return workers[worker % 2].write_sync(handler)

        with ThreadPoolExecutor(4) as pool:
            actions = sorted(action for actions in pool.map(work, range(4)) for action in actions)
        assert actions == ["unchanged"] * 3 + ["updated"] if existing else ["created"] + ["unchanged"] * 3
        assert versions(workers[0], name) == ([(2, "Help."), (1, "Old.")] if existing else [(1, "Help.")])


def test_workers_that_apply_the_same_documents_in_other_orders_do_not_block_each_other(
    postgres_database: Database, clock: MovableClock
) -> None:
    names = [f"agent-{number}" for number in range(6)]
    attempts: list[int] = []

    def work(number: int) -> list[str]:
        order = names if number % 2 else names[::-1]
        documents = parse("---\n".join(agent(name, instructions=f"By {number}.") for name in order), KINDS)

        def handler(tx: Tx) -> list[Applied]:
            attempts.append(number)
            return handlers.apply(tx, ADA, clock, documents)

        return [done.action for done in postgres_database.write_sync(handler)]

    with ThreadPoolExecutor(4) as pool:
        actions = [action for done in pool.map(work, range(12)) for action in done]
    assert actions.count("created") == len(names)
    assert actions.count("updated") == 11 * len(names)
    assert len(attempts) == 12  # a deadlock would have had one run again
    for name in names:
        assert [number for number, _ in versions(postgres_database, name)] == list(range(12, 0, -1))


# Reading -------------------------------------------------------------------------------------------------------------


def test_another_tenants_resources_do_not_exist(database: Database, clock: MovableClock) -> None:
    apply(database, clock, agent())
    digest = get(database, "helper").digest
    for wanted in ("", digest):
        with pytest.raises(ResourceUnknown):
            get(database, "helper", wanted, scope=EVE)
    assert database.read_sync(lambda conn: REGISTRY.all(conn, EVE, "Agent")) == []
    assert database.read_sync(lambda conn: REGISTRY.count_versions(conn, EVE, "Agent")) == {}
    with pytest.raises(ResourceUnknown):
        database.read_sync(lambda conn: REGISTRY.versions(conn, EVE, "Agent", "helper"))
    assert apply(database, clock, agent(instructions="Theirs."), scope=EVE) == ["created"]
    assert get(database, "helper").spec.instructions == "Help."


def test_what_is_not_there_is_named_with_a_way_out(database: Database) -> None:
    with pytest.raises(ResourceUnknown, match="no Agent called 'ghost'") as caught:
        get(database, "ghost")
    assert "stead get agent" in caught.value.way_out
    with pytest.raises(ResourceUnknown, match="no kind 'Robot'") as caught:
        database.read_sync(lambda conn: REGISTRY.get(conn, ADA, "Robot", "a"))
    assert "ToolServer" in caught.value.way_out


def test_lists_are_by_name_and_go_on_after_one(database: Database, clock: MovableClock) -> None:
    apply(database, clock, *[agent(name) for name in ("d", "b", "a", "c")])

    def names(after: str, limit: int) -> list[str]:
        return [
            found.name
            for found in database.read_sync(lambda conn: REGISTRY.all(conn, ADA, "Agent", after=after, limit=limit))
        ]

    assert names("", 2) == ["a", "b"]
    assert names("b", 2) == ["c", "d"]
    assert names("d", 2) == []


def test_the_difference_of_two_versions_reads_line_by_line(database: Database, clock: MovableClock) -> None:
    apply(database, clock, agent(instructions="One.\nTwo.\nThree.\n"))
    before = get(database, "helper")
    apply(database, clock, agent(instructions="One.\n2.\nThree.\n", description="Counts."))
    lines = diff(before, get(database, "helper"))
    assert [line for line in lines if line[0] != " "] == [
        ("-", "    Two."),
        ("+", "    2."),
        ("+", "  description: Counts."),
    ]
    assert (" ", "    One.") in lines
    assert {op for op, _ in diff(before, before)} == {" "}
