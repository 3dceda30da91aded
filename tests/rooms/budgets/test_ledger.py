"""Money is held before it is spent: on every account or on none, settled once, and charged when nobody settles."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from swarmstead.budgets import queries
from swarmstead.budgets.contract import Account, Balance
from swarmstead.budgets.errors import BudgetReached
from swarmstead.kernel.scope import system_scope
from swarmstead.storage.database import Database
from tests.clocks import MovableClock
from tests.rooms.budgets.helpers import MINUTE_MS, Ledger, Stand, account

RUN, USER, TENANT = account("run/r_1", 100), account("user/ada/2026-11-22", 250), account("tenant/2026-11-22", 1000)
ALL = [RUN, USER, TENANT]


@pytest.fixture
def ledger(database: Database, clock: MovableClock) -> Ledger:
    return Ledger(database, clock)


def test_what_is_held_is_freed_and_what_was_spent_is_kept(ledger: Ledger) -> None:
    ledger.reserve("l1", ALL, 60)
    assert ledger.stands()[RUN.key] == Stand(100, reserved=60)
    assert ledger.settle("l1", 25) is True
    assert ledger.stands() == {
        RUN.key: Stand(100, spent=25),
        USER.key: Stand(250, spent=25),
        TENANT.key: Stand(1000, spent=25),
    }


def test_a_cap_can_be_used_up_to_the_last_micro_dollar_and_no_further(ledger: Ledger) -> None:
    ledger.reserve("l1", ALL, 100)
    assert ledger.may_reserve("l2", ALL, 0)
    assert not ledger.may_reserve("l3", ALL, 1)


def test_all_accounts_or_none(ledger: Ledger) -> None:
    ledger.reserve("l1", [USER, TENANT], 200)
    before = ledger.stands()
    with pytest.raises(BudgetReached, match="The user budget"):
        ledger.reserve("l2", ALL, 60)
    assert ledger.stands() == before
    assert ledger.open_leases() == 200
    assert ledger.settle("l2", 1) is False


def test_the_order_of_accounts_does_not_matter_but_the_first_without_room_is_named(ledger: Ledger) -> None:
    small = [account("b/1", 10), account("a/1", 5)]
    with pytest.raises(BudgetReached, match="The b budget"):
        ledger.reserve("l1", small, 20)
    with pytest.raises(BudgetReached, match="The a budget"):
        ledger.reserve("l1", small, 7)
    ledger.reserve("l1", small[::-1], 5)


def test_a_refusal_says_what_is_left_and_whether_waiting_may_help(ledger: Ledger) -> None:
    micro = account("run/r_1", 100_000)
    ledger.reserve("l1", [micro], 60_000)
    with pytest.raises(BudgetReached) as caught:
        ledger.reserve("l2", [micro], 50_000)
    assert caught.value.only_reserved is True
    assert "$0.1000 is reached: $0.00 spent, $0.0600 reserved, $0.0400 left" in caught.value.message
    assert caught.value.way_out.startswith("Raise the budget to $0.1100 or more. A cheaper model")
    ledger.settle("l1", 60_000)
    with pytest.raises(BudgetReached) as caught:
        ledger.reserve("l2", [micro], 50_000)
    assert caught.value.only_reserved is False


def test_settling_twice_changes_nothing(ledger: Ledger) -> None:
    ledger.reserve("l1", ALL, 60)
    assert ledger.settle("l1", 10) is True
    before = ledger.stands()
    assert [ledger.settle("l1", actual) for actual in (10, 60, 0)] == [False] * 3
    assert ledger.settle("unknown", 5) is False
    assert ledger.stands() == before


def test_a_lease_is_used_once(ledger: Ledger) -> None:
    ledger.reserve("l1", [RUN], 10)
    with pytest.raises(IntegrityError):
        ledger.reserve("l1", [RUN], 10)
    assert ledger.stands() == {RUN.key: Stand(100, reserved=10)}


def test_what_a_provider_spent_beyond_its_bound_is_booked_beside_the_cap_and_counts(ledger: Ledger) -> None:
    ledger.reserve("l1", [RUN], 40)
    ledger.settle("l1", 70)
    assert ledger.stands() == {RUN.key: Stand(100, spent=40, overrun=30)}
    with pytest.raises(BudgetReached) as caught:
        ledger.reserve("l2", [RUN], 31)
    assert caught.value.only_reserved is False
    ledger.reserve("l2", [RUN], 30)


def test_a_lease_that_nobody_settles_is_charged_whole_when_it_expires(ledger: Ledger) -> None:
    ledger.reserve("early", ALL, 30)
    ledger.reserve("late", ALL, 20, life_ms=60 * MINUTE_MS)
    ledger.reserve("settled", ALL, 10)
    ledger.settle("settled", 1)
    ledger.later(MINUTE_MS // 2)
    assert ledger.charge_expired() == 0
    ledger.later(MINUTE_MS // 2)
    assert ledger.charge_expired() == 1
    assert ledger.stands()[RUN.key] == Stand(100, spent=31, reserved=20)
    assert ledger.settle("early", 5) is False
    ledger.later(59 * MINUTE_MS)
    assert (ledger.charge_expired(), ledger.charge_expired()) == (1, 0)
    assert ledger.stands()[RUN.key] == Stand(100, spent=51)


@pytest.mark.parametrize("off_s", [-600, 600])
def test_workers_whose_clocks_disagree_charge_nothing_too_early_and_nothing_too_late(
    postgres_database: Database, clock: MovableClock, off_s: int
) -> None:
    """The lease lives for a minute, and one of the clocks is ten of them off."""
    one, other = Ledger(postgres_database, clock), Ledger(postgres_database, MovableClock())
    other.clock.advance(seconds=off_s)
    one.reserve("ones", ALL, 30)
    other.reserve("others", ALL, 20)
    assert (one.charge_expired(), other.charge_expired()) == (0, 0)
    one.later(MINUTE_MS)
    assert (other if off_s < 0 else one).charge_expired() == 2  # also by the one whose clock is behind
    assert one.stands()[RUN.key] == Stand(100, spent=50)


def test_leases_of_several_tenants_expire_together(ledger: Ledger, clock: MovableClock) -> None:
    other = Ledger(ledger.database, clock, tenant="evil")
    for number in range(3):
        ledger.reserve(f"a{number}", ALL, 10)
        other.reserve(f"b{number}", [TENANT, RUN], 10)
    ledger.later(MINUTE_MS)
    assert ledger.charge_expired() == 6
    assert ledger.stands()[TENANT.key] == other.stands()[TENANT.key] == Stand(1000, spent=30)


def test_a_raised_cap_holds_at_once(ledger: Ledger) -> None:
    ledger.reserve("l1", [account("tenant/day", 100)], 100)
    assert not ledger.may_reserve("l2", [account("tenant/day", 100)], 60)
    ledger.reserve("l2", [account("tenant/day", 1000)], 60)
    assert ledger.stands() == {"tenant/day": Stand(1000, reserved=160)}


def test_a_lowered_cap_holds_at_once_and_takes_back_nothing(ledger: Ledger) -> None:
    ledger.reserve("l1", [account("tenant/day", 100)], 60)
    with pytest.raises(BudgetReached, match=r"budget of \$0\.000050 is reached"):
        ledger.reserve("l2", [account("tenant/day", 50)], 10)
    assert ledger.stands() == {"tenant/day": Stand(100, reserved=60)}
    ledger.reserve("l3", [account("tenant/day", 70)], 10)
    assert ledger.stands() == {"tenant/day": Stand(70, reserved=70)}


def test_what_can_cost_nothing_is_held_whatever_was_spent_and_however_low_the_cap_is_now(ledger: Ledger) -> None:
    ledger.reserve("l1", [RUN], 100)
    ledger.settle("l1", 10**12)
    assert ledger.may_reserve("l2", [RUN], 1) is False
    ledger.reserve("l3", [account(RUN.key, 0)], 0)
    assert ledger.settle("l3", 0) is True
    assert ledger.stands()[RUN.key] == Stand(100, spent=100, overrun=10**12 - 100)


def test_a_refusal_names_what_raises_the_cap_how_far_and_when_it_starts_anew(ledger: Ledger) -> None:
    day = Account("user/ada/2026-11-22", 5_000_000, "user's daily", "STEAD_USER_DAY_USD", "2026-11-23 00:00 UTC")
    ledger.reserve("l1", [day], 5_000_000)
    ledger.settle("l1", 3_000_000_280_000)
    with pytest.raises(BudgetReached) as caught:
        ledger.reserve("l2", [day], 1)
    assert caught.value.way_out == (
        "Raise STEAD_USER_DAY_USD to $3,000,000.29 or more. It starts anew at 2026-11-23 00:00 UTC."
        " Models that cost nothing are asked all the same."
    )


def test_what_was_spent_beyond_its_bound_is_part_of_the_balance(ledger: Ledger) -> None:
    ledger.reserve("l1", [RUN], 40)
    ledger.settle("l1", 70)
    balance = ledger.database.read_sync(lambda conn: queries.balance(conn, system_scope("acme"), RUN.key))
    assert balance == Balance(RUN.key, cap=100, spent=70, reserved=0, overrun=30)


def test_another_tenants_account_of_the_same_name_is_another(ledger: Ledger, clock: MovableClock) -> None:
    ledger.reserve("l1", [RUN], 100)
    other = Ledger(ledger.database, clock, tenant="evil")
    other.reserve("l2", [RUN], 100)
    other.settle("l2", 100)
    assert ledger.stands() == {RUN.key: Stand(100, reserved=100)}

    def balance(tenant: str) -> Balance | None:
        return ledger.database.read_sync(lambda conn: queries.balance(conn, system_scope(tenant), RUN.key))

    assert balance("acme") == Balance(RUN.key, cap=100, spent=0, reserved=100)
    assert balance("evil") == Balance(RUN.key, cap=100, spent=100, reserved=0)
    assert balance("nobody") is None


def test_the_database_itself_refuses_to_pass_a_cap(ledger: Ledger) -> None:
    """The last line: whatever a bug in Python asks for."""
    ledger.reserve("l1", [RUN], 0)
    changes = ("spent = 101", "reserved = 101", "spent = 60, reserved = 41", "spent = -1", "reserved = -1", "cap = -1")
    for change in changes:
        bug = sa.text(f"UPDATE budget_accounts SET {change}")  # noqa: S608 - a text of ours
        with pytest.raises(IntegrityError):
            ledger.database.write_sync(lambda tx, bug=bug: tx.conn.execute(bug))
        assert ledger.stands() == {RUN.key: Stand(100)}
