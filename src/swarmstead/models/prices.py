"""What a request may cost and what it did cost, in whole micro-dollars, rounded up.

Where a price comes from, in this order:
1. `price` in the model's spec: set by hand, the last word.
2. `scripted`, `local`, and `ollama` on this machine or at a private address: nothing. Scripted models cost nothing, the
   others run on your own machines.
3. genai-prices: its list ships with the package and is never fetched. With a `base_url`, the seller at that address
   counts, because the same name costs something else elsewhere.
4. Nobody knows: PriceUnknown. An unknown price is refused, never zero.

Cost: a listed price takes 0.3 ms, and the first one 0.4 s, because the list is loaded then. Prices set by hand and free
models never load it.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.money import MOST_USD, micros_from_usd
from swarmstead.models.contract import Message, ModelPrice, ModelRequest, ModelSpec, ToolSpec, Usage
from swarmstead.models.errors import PriceUnknown

_MILLION = 1_000_000
_TOKENS_PER_MESSAGE = 16  # role and separators in every provider's chat format
_TOKENS_PER_CALL = 16
_TOKENS_PER_TOOL = 32
_TOKENS_FOR_TOOL_USE = (
    1_024  # the instructions that providers add once a request has tools (Anthropic's are the longest)
)


_CLEANED_NAME = 10  # what a name gains that providers do not accept as it is: `mapping.Names`
_WRAPPED_RESULT = 17  # the result of a tool goes out as text, or as `{"return_value":…}` or `{"error":…}`
_REWRITTEN = ('"$ref"', '"const"', '"format"')
_PER_REWRITTEN = 24  # what a schema gains where an SDK says it in words that its provider knows


def token_upper_bound(request: ModelRequest) -> int:
    """Tokens that the request's input cannot exceed: its UTF-8 bytes and an allowance for what providers add.

    A token of any byte-pair or unigram vocabulary in use covers at least one byte, so bytes bound tokens for any text,
    in any language. For English prose the bound is about four times the truth: for reserving, not for showing.

    Invariants: it is no less than what goes out through `mapping.py` and the providers' SDKs, ids of calls and names
    and schemas as they rewrite them included (`tests/rooms/models/test_sent.py`).
    """
    called = {call.id: call.name for message in request.messages for call in message.tool_calls}
    tools = sum(_tool_bytes(tool) + _TOKENS_PER_TOOL for tool in request.tools)
    messages = sum(_message_bytes(message, called) + _TOKENS_PER_MESSAGE for message in request.messages)
    return messages + tools + (_TOKENS_FOR_TOOL_USE if request.tools else 0)


def estimate(spec: ModelSpec, input_tokens_upper_bound: int, max_output_tokens: int) -> int:
    """Micro-dollars that one answered request cannot exceed.

    It covers one answer. A reply that took several may cost more; its `attempts` and `usage` tell.
    Fails: PriceUnknown; BadInput when a price set by hand is no amount.
    """
    return _micros(spec, spec.model, Usage(input_tokens_upper_bound, max_output_tokens))


def cost(spec: ModelSpec, reply_model: str, usage: Usage) -> int:
    """Micro-dollars of what was used. The name that the provider gave back counts, if the list knows it.

    A price set by hand has no discount for cached tokens. Fails: as `estimate`.
    """
    return _micros(spec, reply_model or spec.model, usage)


def check_price(price: ModelPrice) -> None:
    """Fails: BadInput, naming the field, when a price set by hand is no amount of dollars."""
    _by_hand(price, Usage())


def _micros(spec: ModelSpec, model: str, usage: Usage) -> int:
    if spec.price is not None:
        return _by_hand(spec.price, usage)
    if spec.provider == "scripted" or spec.runs_at_home:
        return 0
    for name in dict.fromkeys((model, spec.model)):
        found = _listed(spec, name, usage)
        if found is not None:
            return micros_from_usd(min(found, Decimal(MOST_USD)))
    at = f" at {spec.base_url}" if spec.base_url else ""
    raise PriceUnknown(
        f"Nobody knows what {spec.provider} model {spec.model}{at} costs, so it may not be asked.",
        way_out="Set `price: {input_per_million_usd: …, output_per_million_usd: …}` in the model's spec;"
        ' "0" is right for hardware of your own.',
        field="spec.price",
    )


def _by_hand(price: ModelPrice, usage: Usage) -> int:
    total = usage.input_tokens * _per_million(price.input_per_million_usd, "input_per_million_usd")
    total += usage.output_tokens * _per_million(price.output_per_million_usd, "output_per_million_usd")
    return micros_from_usd(min(total / _MILLION, Decimal(MOST_USD)))


def _per_million(text: str, name: str) -> Decimal:
    try:
        micros_from_usd(text)
    except ValueError:
        raise BadInput(
            "The price is not an amount of US dollars.",
            way_out='Write it as a decimal in quotes, such as "0.15".',
            field=f"spec.price.{name}",
        ) from None
    return Decimal(text)


def _listed(spec: ModelSpec, model: str, usage: Usage) -> Decimal | None:
    """The listed price in dollars; None where the list has none for input or for output."""
    import genai_prices

    seller: dict[str, Any] = {"provider_api_url": spec.base_url} if spec.base_url else {"provider_id": spec.provider}
    used = genai_prices.Usage(
        input_tokens=usage.input_tokens, cache_read_tokens=usage.cached_tokens, output_tokens=usage.output_tokens
    )
    sample = genai_prices.Usage(input_tokens=_MILLION, output_tokens=_MILLION)
    try:
        known = genai_prices.calc_price(sample, model, **seller)
        price = genai_prices.calc_price(used, model, **seller)
    except LookupError:
        return None
    # The list also holds models without a price, or with one half of it; they come out as zero.
    return price.total_price if known.input_price and known.output_price else None


def _message_bytes(message: Message, called: Mapping[str, str]) -> int:
    if message.role == "tool":
        names = _name_bytes(called.get(message.tool_call_id, "unknown")) + _bytes(message.tool_call_id)
        return names + _json_bytes(message.text) + _WRAPPED_RESULT
    calls = sum(
        _bytes(call.id) + _name_bytes(call.name) + _json_bytes(call.arguments) + _TOKENS_PER_CALL
        for call in message.tool_calls
    )
    return _bytes(message.text) + calls


def _tool_bytes(tool: ToolSpec) -> int:
    schema = _json(tool.input_schema)
    rewritten = sum(schema.count(word) for word in _REWRITTEN) * _PER_REWRITTEN
    repeated = (
        _bytes(schema) if "$ref" in tool.input_schema else 0
    )  # a root that is a reference is written out beside it
    return _name_bytes(tool.name) + _bytes(tool.description) + _bytes(schema) + rewritten + repeated


def _name_bytes(name: str) -> int:
    return _bytes(name) + _CLEANED_NAME


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _json_bytes(value: object) -> int:
    return _bytes(_json(value))


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))  # tools answer with broken text, too
