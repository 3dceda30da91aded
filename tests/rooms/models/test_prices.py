"""Prices: upper bounds that hold, whole micro-dollars rounded up, and nothing unknown taken for free."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmstead.kernel.money import MOST_USD
from swarmstead.models import prices
from swarmstead.models.contract import Message, ModelPrice, ModelRequest, ModelSpec, ToolCall, ToolSpec, Usage
from swarmstead.models.errors import PriceUnknown

MINI = ModelSpec("openai", "gpt-4.1-mini", api_key="env:K")
BY_HAND = replace(MINI, model="own-model", price=ModelPrice("0.15", "0.60"))


def test_a_listed_price_is_that_of_the_list() -> None:
    # gpt-4.1-mini: 0.40 and 1.60 dollars per million tokens, a quarter of the input price for cached ones.
    assert prices.estimate(MINI, 1_000_000, 1_000_000) == 2_000_000
    assert prices.cost(MINI, "gpt-4.1-mini-2025-04-14", Usage(1_000_000, 0, cached_tokens=400_000)) == 280_000


def test_a_price_by_hand_wins_and_is_rounded_up() -> None:
    assert prices.cost(BY_HAND, "own-model", Usage(1_000_000, 1_000_000)) == 750_000
    assert prices.cost(BY_HAND, "own-model", Usage(1, 0)) == 1
    assert prices.cost(BY_HAND, "own-model", Usage(7, 1)) == 2  # 1.05 + 0.6
    assert prices.cost(BY_HAND, "gpt-4.1", Usage(1_000_000, 0)) == 150_000
    assert prices.cost(replace(BY_HAND, price=ModelPrice("0", "0")), "own-model", Usage(10**9, 10**9)) == 0


@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec("scripted"),
        ModelSpec("local"),
        ModelSpec("ollama", "qwen3"),
        *(
            ModelSpec("ollama", "qwen3", f"http://{host}:11434")
            for host in ("localhost", "127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.9", "[::1]", "[fd00::1]")
        ),
    ],
)
def test_scripted_and_local_models_cost_nothing(spec: ModelSpec) -> None:
    assert spec.kind == ("scripted" if spec.provider == "scripted" else "local")
    assert prices.estimate(spec, 10**9, 10**9) == 0
    assert prices.cost(spec, "whatever", Usage(10**9, 10**9)) == 0


@pytest.mark.parametrize(
    "spec",
    [
        replace(MINI, model="a-model-nobody-sells"),
        replace(MINI, base_url="http://127.0.0.1:8000/v1"),  # the same name may cost anything elsewhere
        replace(MINI, model="text-embedding-3-small"),  # listed with half a price
        ModelSpec("google", "gemma-3", api_key="env:K"),  # listed without a price
    ],
)
def test_an_unknown_price_is_refused_with_a_way_out(spec: ModelSpec) -> None:
    with pytest.raises(PriceUnknown) as caught:
        prices.estimate(spec, 1, 1)
    assert spec.model in caught.value.message
    assert "price:" in caught.value.way_out
    assert caught.value.field == "spec.price"


@pytest.mark.parametrize(
    "host",
    ["ollama.example.org", "203.0.113.7", "172.32.0.1", "[2001:db8::1]", "ollama", "localhost.example.org", "127.1"],
)
def test_an_ollama_of_somebody_else_is_not_taken_for_free(host: str) -> None:
    elsewhere = ModelSpec("ollama", "gpt-4.1", f"http://{host}:11434/v1", "env:K")
    assert elsewhere.kind == "hosted"
    with pytest.raises(PriceUnknown):
        prices.estimate(elsewhere, 1, 1)
    assert prices.estimate(replace(elsewhere, price=ModelPrice("0", "0")), 10**9, 10**9) == 0


def test_a_seller_who_is_asked_as_an_ollama_has_the_sellers_price() -> None:
    """The adapter speaks OpenAI's API, with the key: the bill is OpenAI's."""
    asked = ModelSpec("ollama", "gpt-4.1-mini", "https://api.openai.com/v1", "env:K")
    assert prices.estimate(asked, 1_000_000, 1_000_000) == prices.estimate(MINI, 1_000_000, 1_000_000)


def test_a_known_seller_at_another_address_is_priced_by_that_seller() -> None:
    spec = replace(MINI, base_url="https://openrouter.ai/api/v1", model="openai/gpt-4.1-mini")
    assert prices.estimate(spec, 1_000_000, 0) > 0


def test_a_name_that_the_list_does_not_know_falls_back_to_the_one_asked_for() -> None:
    used = Usage(1_000, 1_000)
    assert prices.cost(MINI, "some-alias-of-a-proxy", used) == prices.cost(MINI, "gpt-4.1-mini", used)
    assert prices.cost(MINI, "", used) == prices.cost(MINI, "gpt-4.1-mini", used)


@given(
    st.sampled_from([MINI, BY_HAND, ModelSpec("anthropic", "claude-haiku-5-5"), ModelSpec("google", "gemini-2.5-pro")]),
    st.integers(0, 2_000_000),
    st.integers(0, 200_000),
    st.data(),
)
def test_nothing_within_the_bounds_costs_more_than_the_estimate(
    spec: ModelSpec, most_in: int, most_out: int, data: st.DataObject
) -> None:
    used_in = data.draw(st.integers(0, most_in))
    usage = Usage(used_in, data.draw(st.integers(0, most_out)), data.draw(st.integers(0, used_in)))
    cost = prices.cost(spec, spec.model, usage)
    assert 0 <= cost <= prices.estimate(spec, most_in, most_out)


def request(
    text: str = "", *, tools: tuple[ToolSpec, ...] = (), arguments: dict[str, Any] | None = None
) -> ModelRequest:
    call = ToolCall("c", "a__b", arguments or {})
    return ModelRequest("a", (Message("user", text), Message("assistant", "", (call,))), tools, 100)


@given(st.text(max_size=200), st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=5))
def test_the_token_bound_is_at_least_every_byte_that_is_sent(text: str, arguments: dict[str, str]) -> None:
    bound = prices.token_upper_bound(request(text, arguments=arguments))
    sent = len(text.encode(errors="surrogatepass")) + sum(len((k + v).encode()) for k, v in arguments.items())
    assert bound >= sent


def test_what_is_billed_beyond_all_money_is_still_an_amount() -> None:
    dear = replace(BY_HAND, price=ModelPrice("1000000", "1000000"))
    assert prices.cost(dear, "", Usage(10**12, 10**12)) == MOST_USD * 1_000_000
    assert prices.cost(MINI, "", Usage(10**16, 10**16)) == MOST_USD * 1_000_000


def test_tools_count_towards_the_token_bound() -> None:
    tool = ToolSpec("git__log", "Read the log.", {"type": "object", "description": "x" * 1_000})
    bare, one = request("hi"), request("hi", tools=(tool,))
    assert prices.token_upper_bound(one) - prices.token_upper_bound(bare) > 1_000
