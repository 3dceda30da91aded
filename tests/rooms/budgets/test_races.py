"""However many race, no account passes its cap; on Postgres nobody has to give way to a deadlock."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarmstead.budgets.errors import BudgetReached
from swarmstead.storage.database import Database
from tests.clocks import MovableClock
from tests.conftest import OpenDatabase
from tests.rooms.budgets.helpers import MINUTE_MS, Ledger, Stand, account

_TENANTS = count(1)


@pytest.fixture
def ledgers(database_url: str, open_database_at: OpenDatabase, clock: MovableClock) -> list[Ledger]:
    """One for each worker: SQLite has one, Postgres two."""
    workers = 2 if database_url.startswith("postgresql") else 1
    return [Ledger(open_database_at(database_url), clock) for _ in range(workers)]


def check(stands: dict[str, Stand]) -> None:
    for key, stand in stands.items():
        assert 0 <= stand.spent + stand.reserved <= stand.cap, key
        assert min(stand.spent, stand.reserved, stand.overrun) >= 0, key


async def test_200_that_race_get_exactly_what_the_smallest_cap_allows(ledgers: list[Ledger]) -> None:
    accounts = [account("run/r_1", 700), account("user/ada", 500), account("tenant/day", 10_000)]

    async def race(number: int) -> bool:
        ledger = ledgers[number % len(ledgers)]
        try:
            await ledger.database.write(lambda tx: ledger.reserving(tx, f"l{number}", accounts, 7))
        except BudgetReached:
            return False
        return True

    won = sum(await asyncio.gather(*(race(number) for number in range(200))))
    assert won == 500 // 7
    stands = ledgers[0].stands()
    check(stands)
    assert {stand.reserved for stand in stands.values()} == {won * 7} == {ledgers[0].open_leases()}


def test_racing_agents_of_many_runs_never_pass_a_cap(ledgers: list[Ledger]) -> None:
    """Reserve, settle (some over their bound, some never, some twice) and sweep, from many threads."""
    runs = [account(f"run/{n}", 300) for n in range(4)]
    shared = [account("user/ada", 600), account("tenant/day", 900)]

    def work(number: int) -> int:
        rng = random.Random(number)  # noqa: S311 - load, no secret
        ledger, spent = ledgers[number % len(ledgers)], 0
        for turn in range(12):
            accounts = [rng.choice(runs), *shared]
            rng.shuffle(accounts)
            lease, amount = f"l{number}/{turn}", rng.randrange(1, 60)
            if not ledger.may_reserve(lease, accounts, amount):
                continue
            actual = rng.randrange(0, amount + 10)
            if rng.random() < 0.8 and ledger.settle(lease, actual):
                spent += min(actual, amount)
                ledger.settle(lease, actual)
            check(ledger.stands())
        return spent

    with ThreadPoolExecutor(8) as pool:
        spent = sum(pool.map(work, range(8)))
    stands = ledgers[0].stands()
    check(stands)
    assert stands["tenant/day"].spent == stands["user/ada"].spent == spent
    assert stands["tenant/day"].reserved == ledgers[0].open_leases()
    assert sum(stand.spent for key, stand in stands.items() if key.startswith("run/")) == spent
    ledgers[0].later(MINUTE_MS)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Ledger.charge_expired, ledgers * 2))  # sweepers of several workers
    check(ledgers[0].stands())
    assert ledgers[0].open_leases() == 0
    assert {stand.reserved for stand in ledgers[0].stands().values()} == {0}


def test_no_deadlock_whatever_the_order_of_accounts(
    postgres_url: str, open_database_at: OpenDatabase, clock: MovableClock
) -> None:
    """Accounts are opened, locked, settled and swept in one order by everybody, so no handler has to run again."""
    ledgers = [Ledger(open_database_at(postgres_url), clock) for _ in range(8)]
    keys = [f"account/{n}" for n in range(6)]

    def work(number: int) -> int:
        rng = random.Random(number)  # noqa: S311 - load, no secret
        ledger, calls = ledgers[number], 0
        for turn in range(20):
            # From turn to turn other accounts, so that they are also opened in a race.
            accounts = [account(f"{key}/{turn // 4}", 10**9) for key in rng.sample(keys, 4)]
            ledger.reserve(f"l{number}/{turn}", accounts, 1, life_ms=0 if turn % 2 else MINUTE_MS)
            if turn % 2:
                ledger.charge_expired()
            else:
                ledger.settle(f"l{number}/{turn}", 1)
            calls += 2
        return calls

    with ThreadPoolExecutor(8) as pool:
        calls = list(pool.map(work, range(8)))
    assert [ledger.attempts for ledger in ledgers] == calls
    ledgers[0].charge_expired()
    assert sum(stand.spent for stand in ledgers[0].stands().values()) == 8 * 20 * 4


# Any sequence, against a model ---------------------------------------------------------------------------------------

_KEYS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3, unique=True)
_STEP = st.one_of(
    st.tuples(st.just("reserve"), _KEYS, st.integers(0, 60), st.sampled_from([1, 3])),
    st.tuples(st.just("settle"), st.integers(0, 9), st.integers(0, 90)),
    st.tuples(st.just("expire")),
)
_CAPS = {"a": 50, "b": 100, "c": 150}


class Model:
    """What the room promises, in a few lines of Python."""

    def __init__(self) -> None:
        self.spent, self.over = dict[str, int](), dict[str, int]()
        self.leases: list[tuple[list[str], int, int]] = []
        self.open: set[int] = set()
        self.minute = 0

    def held(self, key: str) -> int:
        return sum(self.leases[n][1] for n in self.open if key in self.leases[n][0])

    def reserve(self, keys: list[str], amount: int, minutes: int) -> bool:
        taken = {key: self.spent.get(key, 0) + self.over.get(key, 0) + self.held(key) for key in keys}
        if any(taken[key] + amount > _CAPS[key] for key in keys):
            return False
        for key in keys:
            self.spent.setdefault(key, 0)
        self.open.add(len(self.leases))
        self.leases.append((keys, amount, self.minute + minutes))
        return True

    def settle(self, lease: int, actual: int) -> bool:
        if lease not in self.open:
            return False
        self.open.remove(lease)
        keys, amount, _ = self.leases[lease]
        for key in keys:
            self.spent[key] += min(actual, amount)
            self.over[key] = self.over.get(key, 0) + max(0, actual - amount)
        return True

    def expire(self) -> int:
        self.minute += 1
        due = [lease for lease in self.open if self.leases[lease][2] <= self.minute]
        return sum(self.settle(lease, self.leases[lease][1]) for lease in due)

    def stands(self) -> dict[str, Stand]:
        return {
            key: Stand(_CAPS[key], spent, self.held(key), self.over.get(key, 0)) for key, spent in self.spent.items()
        }


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_STEP, max_size=12))
def test_any_sequence_leaves_what_the_model_says(
    database: Database, clock: MovableClock, steps: list[tuple[str, ...]]
) -> None:
    ledger, model = Ledger(database, clock, tenant=f"tenant-{next(_TENANTS)}"), Model()
    ledger.charge_expired()
    for kind, *arguments in steps:
        assert _DO[kind](ledger, model, *arguments)
        assert ledger.stands() == model.stands()


def _reserve(ledger: Ledger, model: Model, keys: list[str], amount: int, minutes: int) -> bool:
    lease, accounts = f"{ledger.tenant}/{len(model.leases)}", [account(key, _CAPS[key]) for key in keys]
    expected = model.reserve(keys, amount, minutes)
    try:
        ledger.reserve(lease, accounts, amount, minutes * MINUTE_MS)
    except BudgetReached:
        return not expected
    return expected


def _settle(ledger: Ledger, model: Model, lease: int, actual: int) -> bool:
    return ledger.settle(f"{ledger.tenant}/{lease}", actual) is model.settle(lease, actual)


def _expire(ledger: Ledger, model: Model) -> bool:
    ledger.later(MINUTE_MS)
    ledger.charge_expired()
    model.expire()
    return True


_DO: dict[str, Callable[..., bool]] = {"reserve": _reserve, "settle": _settle, "expire": _expire}
