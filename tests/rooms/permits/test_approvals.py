"""A person decides about exactly one payload, once, in time, and out of the agent's reach."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from swarmstead.audit import queries as audit
from swarmstead.kernel.errors import BadInput, NotPermitted
from swarmstead.kernel.hashing import digest
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.permits import handlers, queries
from swarmstead.permits.contract import Approval, Ask, Decision, topic_of
from swarmstead.permits.errors import AlreadyDecided, ApprovalUnknown, HashChanged, PlanNotApproved
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.signals import Signals
from tests.clocks import MovableClock
from tests.conftest import OpenDatabase

ADA = Scope("acme", Actor("key:k_ada", "user", "Ada", frozenset({"approver"})))
BOB = Scope("acme", Actor("key:k_bob", "user", "Bob", frozenset({"admin"})))
EVE = Scope("evil", Actor("key:k_eve", "user", "Eve", frozenset({"admin"})))
AGENT = Scope("acme", Actor("agent:writer", "agent", "writer"))
PAYLOAD = {"server": "report", "tool": "write_report", "arguments": {"path": "REPORT.md"}, "step": "r_1/a_1/3"}
HOUR_MS = 3_600_000


def question(step: str = "r_1/a_1/3", run: str = "r_1", **changes: Any) -> Ask:
    ask = Ask(
        kind="plan",
        run=run,
        agent_run="a_1",
        agent="writer",
        step=step,
        swarm="review",
        environment="dev",
        server="report",
        tool="write_report",
        risk="write",
        sentence="Write REPORT.md",
        rule="write tools wait for a person",
        payload=PAYLOAD,
        effect={"kind": "file"},
        expires_in_ms=HOUR_MS,
    )
    return replace(ask, **changes)


class Inbox:
    """The room's commands on one database, each in a transaction of its own."""

    def __init__(self, database: Database, clock: MovableClock) -> None:
        self.database = database
        self.clock = clock

    def ask(self, asked: Ask | None = None, scope: Scope = AGENT) -> Approval:
        return self.database.write_sync(lambda tx: handlers.ask(tx, scope, self.clock, asked or question()))

    def decide(
        self,
        approval: Approval,
        decision: Decision = "approve",
        *,
        scope: Scope = ADA,
        reason: str = "",
        hash_: str = "",
    ) -> Approval:
        seen = hash_ or approval.hash
        return self.database.write_sync(
            lambda tx: handlers.decide(tx, scope, self.clock, approval.id, decision, reason, seen)
        )

    def use(self, approval: Approval, *, scope: Scope = AGENT, hash_: str = "", again: bool = False) -> Approval:
        wanted = hash_ or approval.hash
        return self.database.write_sync(
            lambda tx: handlers.use(tx, scope, self.clock, approval.id, wanted, again=again)
        )

    def expire(self) -> list[Approval]:
        return self.database.write_sync(lambda tx: handlers.expire(tx, self.clock, ADA.tenant))

    def get(self, approval: Approval, scope: Scope = ADA) -> Approval:
        return self.database.read_sync(lambda conn: queries.get(conn, scope, approval.id))

    def trail(self) -> list[tuple[str, str]]:
        rows = self.database.read_sync(lambda conn: audit.page(conn, ADA))
        return [(row.action, row.actor) for row in reversed(rows)]


@pytest.fixture
def inbox(database: Database, clock: MovableClock) -> Inbox:
    return Inbox(database, clock)


# Asking --------------------------------------------------------------------------------------------------------------


def test_a_question_is_kept_with_the_hash_of_its_payload(inbox: Inbox, clock: MovableClock) -> None:
    asked = inbox.ask()
    assert inbox.get(asked) == asked
    assert (asked.status, asked.hash, asked.tenant) == ("pending", digest(PAYLOAD), "acme")
    assert asked.expires_at == clock.now_ms() + HOUR_MS
    assert inbox.trail() == [("approval.ask", "agent:writer")]


def test_a_step_that_asks_again_gets_its_question_back(inbox: Inbox, clock: MovableClock) -> None:
    first = inbox.ask()
    clock.advance(seconds=10)
    assert inbox.ask(question(sentence="Other words")) == first
    decided = inbox.decide(first)
    assert inbox.ask() == decided
    assert inbox.ask(question("r_1/a_1/4")).id != first.id
    assert inbox.ask(question(kind="outcome")).id != first.id
    assert inbox.ask(scope=EVE).tenant == "evil"


def test_workers_that_ask_for_one_step_at_once_ask_once(
    postgres_url: str, open_database_at: OpenDatabase, clock: MovableClock
) -> None:
    """A worker that was thought dead may come to the same step as the one that took over."""
    workers = [open_database_at(postgres_url) for _ in range(2)]
    together = Barrier(4)

    def work(number: int) -> Approval:
        def handler(tx: Tx) -> Approval:
            tx.conn.execute(sa.text("SELECT 1"))
            together.wait(30)
            return handlers.ask(tx, AGENT, clock, question())

        return workers[number % 2].write_sync(handler)

    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(work, range(4)))
    assert len({one.id for one in asked}) == 1
    assert Inbox(workers[0], clock).trail() == [("approval.ask", "agent:writer")]


# Deciding ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("decision", "status"), [("approve", "approved"), ("deny", "denied")])
def test_a_decision_is_kept_told_and_audited(
    inbox: Inbox, clock: MovableClock, signals: Signals, decision: Decision, status: str
) -> None:
    heard: list[str] = []
    asked = inbox.ask()
    signals.watch(heard.append)
    clock.advance(seconds=5)
    decided = inbox.decide(asked, decision, reason="  It is fine.  ")
    assert inbox.get(asked) == decided
    assert (decided.status, decided.decided_by, decided.reason) == (status, "key:k_ada", "It is fine.")
    assert decided.decided_at == clock.now_ms()
    assert heard == [topic_of(asked.id)]
    assert inbox.trail()[1:] == [(f"approval.{decision}", "key:k_ada")]


def test_a_decision_on_another_payload_is_refused(inbox: Inbox) -> None:
    asked = inbox.ask()
    with pytest.raises(HashChanged) as caught:
        inbox.decide(asked, hash_=digest({**PAYLOAD, "arguments": {"path": "/etc/passwd"}}))
    assert caught.value.extra["hash"] == asked.hash
    assert inbox.get(asked).status == "pending"


@pytest.mark.parametrize(
    ("decision", "reason"), [("deny", ""), ("deny", "  \n"), ("deny", "x" * 2001), ("approve", "x" * 2001)]
)
def test_a_denial_needs_a_reason_and_no_reason_is_endless(inbox: Inbox, decision: Decision, reason: str) -> None:
    asked = inbox.ask()
    with pytest.raises(BadInput) as caught:
        inbox.decide(asked, decision, reason=reason)
    assert caught.value.field == "reason"
    assert ("needs a reason" in caught.value.message) == (not reason.strip())
    assert inbox.get(asked).status == "pending"


@pytest.mark.parametrize("first", ["approve", "deny"])
@pytest.mark.parametrize("second", ["approve", "deny"])
def test_nobody_decides_twice(inbox: Inbox, first: Decision, second: Decision) -> None:
    asked = inbox.ask()
    decided = inbox.decide(asked, first, reason="first")
    with pytest.raises(AlreadyDecided, match=decided.status):
        inbox.decide(asked, second, scope=BOB, reason="second")
    assert inbox.get(asked) == decided


def test_a_question_can_be_answered_until_it_expires(inbox: Inbox, clock: MovableClock) -> None:
    early, late = inbox.ask(question("a")), inbox.ask(question("b"))
    clock.advance(ms=HOUR_MS - 1)
    assert inbox.expire() == []
    early = inbox.decide(early)
    clock.advance(ms=1)
    with pytest.raises(AlreadyDecided, match="expired"):
        inbox.decide(late)
    expired = sorted(inbox.expire(), key=lambda one: one.reason)
    assert [(one.id, one.status, one.reason) for one in expired] == [
        (early.id, "expired", "it was approved and not used in time"),
        (late.id, "expired", "nobody decided in time"),
    ]
    assert expired[0].decided_by == early.decided_by != ""
    assert inbox.expire() == []
    with pytest.raises(AlreadyDecided, match="expired"):
        inbox.decide(late)
    assert inbox.get(early).status == "expired"
    assert inbox.trail()[-1] == ("approval.expire", "system:swarmstead")


@pytest.mark.parametrize("scope", [AGENT, Scope("acme", Actor("k", "user", "Viv", frozenset({"viewer", "operator"})))])
def test_only_those_who_may_decide(inbox: Inbox, scope: Scope) -> None:
    """An agent's scope has no roles, so no agent approves its own call, whatever channel it finds."""
    asked = inbox.ask()
    with pytest.raises(NotPermitted):
        inbox.decide(asked, scope=scope)
    assert inbox.get(asked).status == "pending"


def test_of_many_who_decide_at_once_exactly_one_does(
    database_url: str, open_database_at: OpenDatabase, clock: MovableClock
) -> None:
    workers = [open_database_at(database_url)]
    if database_url.startswith("postgresql"):
        workers.append(open_database_at(database_url))
    asked = Inbox(workers[0], clock).ask()
    together = Barrier(8)

    def work(number: int) -> str:
        scope = Scope("acme", Actor(f"key:k_{number}", "user", "P", frozenset({"approver"})))
        together.wait(30)
        try:
            decision: Decision = "approve" if number % 2 else "deny"
            return (
                Inbox(workers[number % len(workers)], clock).decide(asked, decision, scope=scope, reason="x").decided_by
            )
        except AlreadyDecided:
            return ""

    with ThreadPoolExecutor(8) as pool:
        winners = [winner for winner in pool.map(work, range(8)) if winner]
    found = Inbox(workers[0], clock).get(asked)
    assert winners == [found.decided_by]
    assert len(Inbox(workers[0], clock).trail()) == 2


# Using ---------------------------------------------------------------------------------------------------------------


def test_an_approved_plan_is_good_for_one_use(inbox: Inbox, clock: MovableClock) -> None:
    asked = inbox.ask()
    inbox.decide(asked)
    assert inbox.use(asked).used_at == clock.now_ms()
    clock.advance(seconds=1)
    with pytest.raises(PlanNotApproved, match="used before"):
        inbox.use(asked)
    assert inbox.use(asked, again=True).used_at == clock.now_ms()


def test_a_plan_is_good_for_its_payload_only(inbox: Inbox) -> None:
    asked = inbox.ask()
    inbox.decide(asked)
    for again in (False, True):
        with pytest.raises(PlanNotApproved, match="other arguments"):
            inbox.use(asked, hash_=digest({**PAYLOAD, "tool": "delete"}), again=again)
    assert inbox.get(asked).used_at is None
    assert inbox.use(asked).status == "approved"


@pytest.mark.parametrize("again", [False, True])
def test_a_plan_that_was_not_approved_is_good_for_nothing(inbox: Inbox, clock: MovableClock, *, again: bool) -> None:
    pending, denied, expired = (inbox.ask(question(step)) for step in "abc")
    inbox.decide(denied, "deny", reason="Not on a Friday.")
    with pytest.raises(PlanNotApproved, match="nobody has decided") as early:
        inbox.use(pending, again=again)
    assert "same plan" in early.value.way_out  # a new one would only be one more question
    with pytest.raises(PlanNotApproved, match=r"denied: Not on a Friday\."):
        inbox.use(denied, again=again)
    clock.advance(ms=HOUR_MS)
    inbox.expire()
    with pytest.raises(PlanNotApproved, match="expired"):
        inbox.use(expired, again=again)


def test_of_many_who_use_a_plan_at_once_exactly_one_does(
    postgres_url: str, open_database_at: OpenDatabase, clock: MovableClock
) -> None:
    workers = [Inbox(open_database_at(postgres_url), clock) for _ in range(2)]
    asked = workers[0].ask()
    workers[0].decide(asked)
    together = Barrier(8)

    def work(number: int) -> bool:
        together.wait(30)
        try:
            workers[number % 2].use(asked)
        except PlanNotApproved:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 1


# Runs that end, tenants, and the inbox -------------------------------------------------------------------------------


def test_what_an_ended_run_still_asks_is_closed(inbox: Inbox, clock: MovableClock) -> None:
    asked, decided, others = inbox.ask(question("a")), inbox.ask(question("b")), inbox.ask(question("c", "r_2"))
    inbox.decide(decided)
    closed = inbox.database.write_sync(
        lambda tx: handlers.expire_of_run(tx, "acme", clock, "r_1", "the run was cancelled")
    )
    assert [(one.id, one.status, one.reason) for one in closed] == [(asked.id, "expired", "the run was cancelled")]
    assert [inbox.get(one).status for one in (decided, others)] == ["approved", "pending"]
    assert inbox.database.write_sync(lambda tx: handlers.expire_of_run(tx, "evil", clock, "r_2", "x")) == []


def test_another_tenants_approvals_do_not_exist(inbox: Inbox) -> None:
    pending, approved = inbox.ask(question("a")), inbox.ask(question("b"))
    inbox.decide(approved)
    before = [inbox.get(pending), inbox.get(approved)]
    for asked in (pending, approved):
        with pytest.raises(ApprovalUnknown):
            inbox.get(asked, EVE)
        with pytest.raises(ApprovalUnknown):
            inbox.decide(asked, scope=EVE)
        with pytest.raises(ApprovalUnknown):
            inbox.use(asked, scope=EVE)
        with pytest.raises(ApprovalUnknown):
            inbox.use(asked, scope=EVE, again=True)
    assert [inbox.get(pending), inbox.get(approved)] == before
    found = inbox.database.read_sync(lambda conn: (queries.find(conn, EVE), queries.count_pending(conn, EVE)))
    assert found == ([], 0)


def test_the_inbox_shows_the_nearest_deadline_first_and_goes_on_after_one(inbox: Inbox) -> None:
    asked = [inbox.ask(question(f"s{n}", f"r_{n % 2}", expires_in_ms=(9 - n // 2) * 1000)) for n in range(6)]
    inbox.decide(asked[0])

    def find(**filters: Any) -> list[str]:
        return [one.step for one in inbox.database.read_sync(lambda conn: queries.find(conn, ADA, **filters))]

    everything = inbox.database.read_sync(lambda conn: queries.find(conn, ADA))
    assert sorted(one.step for one in everything[:2]) == ["s4", "s5"]
    assert [(one.expires_at, one.id) for one in everything] == sorted((one.expires_at, one.id) for one in everything)
    pages = [find(limit=2), find(limit=2, after=queries.place_of(everything[1], ()))]
    assert pages == [[one.step for one in everything[:2]], [one.step for one in everything[2:4]]]
    assert find(statuses=("approved",)) == ["s0"]
    assert sorted(find(statuses=("pending",), run="r_0")) == ["s2", "s4"]
    assert inbox.database.read_sync(lambda conn: queries.count_pending(conn, ADA)) == 5
    inbox.ask(scope=EVE)
    assert inbox.database.read_sync(queries.count_all_pending) == 6


def test_production_stands_before_everything_else_in_the_inbox(inbox: Inbox) -> None:
    for n in range(3):
        inbox.ask(question(f"dev{n}", environment="dev", expires_in_ms=(1 + n) * 1000))
        inbox.ask(question(f"prod{n}", environment="prod", expires_in_ms=(9 + n) * 1000))

    def find(**filters: Any) -> list[Approval]:
        return inbox.database.read_sync(lambda conn: queries.find(conn, ADA, first=("prod",), **filters))

    whole = ["prod0", "prod1", "prod2", "dev0", "dev1", "dev2"]
    everything = find()
    assert [one.step for one in everything] == whole
    for at, last in enumerate(everything):
        assert [one.step for one in find(after=queries.place_of(last, ("prod",)))] == whole[at + 1 :]


def test_what_is_decided_is_listed_with_the_last_decision_first(inbox: Inbox, clock: MovableClock) -> None:
    asked = [inbox.ask(question(f"s{n}", f"r_{n % 2}")) for n in range(4)]
    for one in (asked[2], asked[0], asked[3]):
        clock.advance(seconds=1)
        inbox.decide(one)

    def find(**filters: Any) -> list[Approval]:
        return inbox.database.read_sync(lambda conn: queries.decided(conn, ADA, statuses=("approved",), **filters))

    first = find(limit=1)[0]
    assert [one.step for one in find()] == ["s3", "s0", "s2"]
    assert [one.step for one in find(before=(first.decided_at or 0, first.id))] == ["s0", "s2"]
    assert [one.step for one in find(run="r_1")] == ["s3"]
    assert inbox.database.read_sync(lambda conn: queries.decided(conn, EVE, statuses=("approved",))) == []


def test_of_many_questions_of_a_run_those_are_read_that_wait_and_were_closed_last(
    inbox: Inbox, clock: MovableClock
) -> None:
    asked = [inbox.ask(question(f"s{n}", "r_1", expires_in_ms=(9 - n) * 1000)) for n in range(6)]
    inbox.ask(question("other", "r_2"))
    for one in asked[:4]:
        clock.advance(seconds=1)
        inbox.decide(one, "deny", reason="no")
    found = {
        most: inbox.database.read_sync(lambda conn, most=most: queries.of_run(conn, ADA, "r_1", most=most))
        for most in (1, 4, 9)
    }
    steps = {most: [one.step for one in questions] for most, questions in found.items()}
    assert steps == {1: ["s5"], 4: ["s5", "s4", "s2", "s3"], 9: ["s5", "s4", "s0", "s1", "s2", "s3"]}
