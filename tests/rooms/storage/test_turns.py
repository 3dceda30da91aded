"""Writers of one file queue; nobody is passed over, and nobody waits for ever."""

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from swarmstead.storage.engines import make_engine, make_workflow_engine
from swarmstead.storage.turns import Turns

_DEADLINE_S = 10


class _Noted(deque[threading.Lock]):
    """The queue of a `Turns`, which tells when somebody has joined it."""

    def __init__(self) -> None:
        super().__init__()
        self.joined = threading.Semaphore(0)

    def append(self, x: threading.Lock, /) -> None:
        super().append(x)
        self.joined.release()


def test_turns_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    turns, order, queued = Turns(_DEADLINE_S), list[int](), _Noted()
    turns._waiting = queued  # pyright: ignore[reportPrivateUsage] - to know when a writer stands in the queue
    turns.take("first")

    def write(number: int) -> None:
        connection = object()
        turns.take(connection)
        order.append(number)
        turns.give(connection)

    with ThreadPoolExecutor(4) as pool:
        for number in range(4):
            pool.submit(write, number)
            assert queued.joined.acquire(timeout=_DEADLINE_S)
        turns.give("first")
    assert order == [0, 1, 2, 3]


def test_who_has_waited_long_enough_goes_on_without_a_turn() -> None:
    turns, queued = Turns(0.01), _Noted()
    turns._waiting = queued  # pyright: ignore[reportPrivateUsage] - as above
    turns.take("holder")
    turns.take("impatient")
    assert queued.joined.acquire(blocking=False)  # stood in the queue, and left it
    assert not queued
    turns.give("impatient")  # had no turn, so it gives none
    turns.take("the next")
    assert queued.joined.acquire(blocking=False)


def test_a_writer_of_the_other_engine_waits_for_the_commit(sqlite_url: str) -> None:
    ours, workflows = make_engine(sqlite_url), make_workflow_engine(sqlite_url)
    order: list[str] = []

    def other() -> None:
        with workflows.begin() as conn:
            order.append("workflows")
            conn.execute(sa.text("DELETE FROM budget_leases"))

    try:
        with ThreadPoolExecutor(1) as pool:
            with ours.begin() as conn:
                waiting = pool.submit(other)
                conn.execute(sa.text("DELETE FROM budget_leases"))
                order.append("ours")
            waiting.result(timeout=_DEADLINE_S)
        assert order == ["ours", "workflows"]
        with ours.begin() as conn:  # the turn came back
            conn.execute(sa.text("DELETE FROM budget_leases"))
    finally:
        ours.dispose()
        workflows.dispose()


def test_a_transaction_that_fails_gives_its_turn_back(sqlite_url: str) -> None:
    ours, workflows = make_engine(sqlite_url), make_workflow_engine(sqlite_url)
    try:
        for engine in (ours, workflows, ours):
            try:
                with engine.begin() as conn:
                    conn.execute(sa.text("DELETE FROM there_is_no_such_table"))
            except OperationalError:
                continue
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: workflows.connect().close()).result(timeout=_DEADLINE_S)
            with ours.begin() as conn:
                conn.execute(sa.text("DELETE FROM budget_leases"))
    finally:
        ours.dispose()
        workflows.dispose()
