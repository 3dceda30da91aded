"""The words every room uses: times, ids, hashes, money, errors, scopes."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from swarmstead.kernel import errors
from swarmstead.kernel.clock import SystemClock, rfc3339, utc_day, utc_day_end
from swarmstead.kernel.errors import BadInput, SteadError
from swarmstead.kernel.hashing import canonical_json, digest
from swarmstead.kernel.ids import new_id
from swarmstead.kernel.money import MICROS_PER_USD, micros_from_usd, usd_text
from swarmstead.kernel.scope import system_scope

_MILLIS = st.integers(0, 253_402_300_799_999)  # up to the year 9999
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


# Time ----------------------------------------------------------------------------------------------------------------


@given(_MILLIS)
@example(1_795_340_315_123)
def test_a_time_is_written_exactly_and_can_be_read_back(ms: int) -> None:
    text = rfc3339(ms)
    assert text.endswith("Z")
    read = datetime.fromisoformat(text)
    assert (read - datetime(1970, 1, 1, tzinfo=UTC)) == timedelta(milliseconds=ms)


def test_a_day_is_the_utc_day() -> None:
    assert utc_day(1_795_391_999_999) == "2026-11-22"
    assert utc_day(1_795_392_000_000) == "2026-11-23"
    assert utc_day_end(1_795_391_999_999) == "2026-11-23 00:00 UTC"
    assert utc_day_end(1_795_392_000_000) == "2026-11-24 00:00 UTC"


def test_the_systems_clock_counts_milliseconds_in_utc() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    now = SystemClock().now_ms()
    assert before.timestamp() * 1000 <= now <= datetime.now(UTC).timestamp() * 1000


# Ids -----------------------------------------------------------------------------------------------------------------


@given(_MILLIS, st.integers(1, 10**9))
def test_ids_of_a_later_time_sort_later(ms: int, later: int) -> None:
    assert new_id("r", ms) < new_id("r", ms + later)


def test_ids_of_one_millisecond_differ_and_have_one_form() -> None:
    made = {new_id("run", 1_795_340_315_123) for _ in range(10_000)}
    assert len(made) == 10_000
    assert {len(one) for one in made} == {len("run_") + 20}
    assert set("".join(one.removeprefix("run_") for one in made)) <= set("0123456789abcdefghjkmnpqrstvwxyz")


# Hashes --------------------------------------------------------------------------------------------------------------


def _shuffled(value: Any) -> Any:
    """The same value with every mapping built in the other order."""
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {key: _shuffled(item) for key, item in reversed(items)}
    if isinstance(value, list):
        return [_shuffled(item) for item in cast("list[Any]", value)]
    return value


@given(_JSON)
def test_a_digest_does_not_depend_on_the_order_of_keys_and_survives_json(value: object) -> None:
    assert digest(_shuffled(value)) == digest(value)
    assert digest(json.loads(json.dumps(value))) == digest(value)
    assert json.loads(canonical_json(value)) == value


def test_canonical_json_has_one_form() -> None:
    value = {"b": [1, True, None], "a": "ü/\u2028"}
    assert canonical_json(value) == '{"a":"ü/\u2028","b":[1,true,null]}'.encode()
    assert digest({}) == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"deep": [{"a": float("-inf")}]}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


# Money ---------------------------------------------------------------------------------------------------------------


@given(st.decimals(0, 1_000_000_000, allow_nan=False, allow_infinity=False))
@example(Decimal("0.1000000000000000000000000000000001"))
@example(Decimal("1e-900000"))
def test_an_amount_is_rounded_up_to_the_next_micro_dollar(amount: Decimal) -> None:
    micros = micros_from_usd(amount)
    if amount.adjusted() < -1000:
        assert micros == 1
    else:
        assert 0 <= micros - Fraction(amount) * MICROS_PER_USD < 1


@pytest.mark.parametrize(
    ("text", "micros"), [("0.10", 100_000), ("5", 5_000_000), (0, 0), ("1e-3", 1000), (" 2 ", 2_000_000)]
)
def test_amounts_as_people_write_them(text: str | int, micros: int) -> None:
    assert micros_from_usd(text) == micros


@pytest.mark.parametrize(
    "text",
    ["", "cheap", "-0.01", "NaN", "inf", "0x10", "1,5", "$5", "1000000001", "1e30", "1e999999", "9e9999999999999"],
)
def test_what_is_no_amount_is_refused_quickly(text: str) -> None:
    with pytest.raises(ValueError):
        micros_from_usd(text)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000001"),
        (999, "$0.000999"),
        (43_100, "$0.0431"),
        (1_840_000, "$1.84"),
        (1_234_567_890_000, "$1,234,567.89"),
        (-1_840_000, "-$1.84"),
        (-43_100, "-$0.0431"),
    ],
)
def test_money_as_people_read_it(micros: int, text: str) -> None:
    assert usd_text(micros) == text


# Errors and scopes ---------------------------------------------------------------------------------------------------


def test_a_problem_says_what_where_and_how_to_go_on() -> None:
    error = BadInput("No.", way_out="Do this.", field="spec.a", extra={"errors": [1]})
    assert error.problem() == {
        "type": "urn:swarmstead:problem:bad_input",
        "title": "bad input",
        "status": 422,
        "detail": "No.",
        "code": "bad_input",
        "way_out": "Do this.",
        "field": "spec.a",
        "errors": [1],
    }
    assert BadInput("No.", code="other").problem()["code"] == "other"
    assert BadInput.code == "bad_input"


@pytest.mark.parametrize(
    ("kind", "status", "exit_code"),
    [
        (errors.BadInput, 422, 2),
        (errors.NotSignedIn, 401, 2),
        (errors.NotPermitted, 403, 2),
        (errors.NotFound, 404, 2),
        (errors.Conflict, 409, 2),
        (errors.TooMuch, 429, 2),
        (errors.Unavailable, 503, 1),
    ],
)
def test_each_error_says_whose_fault_it_is(kind: type[SteadError], status: int, exit_code: int) -> None:
    assert (kind.status, kind.exit_code) == (status, exit_code)


def test_the_product_acts_under_its_own_name() -> None:
    scope = system_scope("acme", "sweeper")
    assert (scope.tenant, scope.actor.id, scope.actor.kind) == ("acme", "system:sweeper", "system")
