"""What other rooms say to and hear from a model. Plain data, so that it can be stored and replayed as JSON."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from annotated_types import Ge, Le, Len

Role = Literal["system", "user", "assistant", "tool"]
Provider = Literal["scripted", "openai", "anthropic", "google", "ollama", "local"]
ModelKind = Literal["scripted", "local", "hosted"]
FinishReason = Literal["stop", "tool_calls", "length", "content_filter", "other"]
_AT_HOME = tuple(
    map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"))
)


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it. `name` is `server__tool`; `input_schema` is JSON Schema."""

    name: str
    description: str
    input_schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model asks for one tool. `id` is the provider's, or ours where it gave none; unique within a reply."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation. `tool` messages answer the ToolCall named by `tool_call_id`."""

    role: Role
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request. `cached_tokens` are part of `input_tokens`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0


BeforeRetry = Callable[[Usage], Awaitable[None]]
"""Asked before a request is sent another time, with the tokens that all its attempts so far have used."""


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """What the scripted model does at one turn: `call` tools, or `say` a text.

    Both are templates over earlier results.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "use_attribute_docstrings": True}

    calls: Annotated[tuple[Mapping[str, Any], ...], Len(0, 32)] = ()
    """Tool calls of this turn: `{tool: server__tool, arguments: {…}}`; strings in arguments are templates."""
    say: str = ""
    """The text of this turn; a template. A step that calls nothing ends the agent's work with this text."""


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """A price set by hand, for models that the price list does not know (or that cost nothing)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "use_attribute_docstrings": True}

    input_per_million_usd: Annotated[str, Len(1, 32)]
    """US dollars per million input tokens, as a decimal: `"0.15"`."""
    output_per_million_usd: Annotated[str, Len(1, 32)]
    """US dollars per million output tokens, as a decimal: `"0.60"`."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Spec of `kind: Model`: which provider answers, under which name, at which address and price."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "use_attribute_docstrings": True}

    provider: Provider
    """Who answers: `openai` (and all that speaks its API), `anthropic`, `google`, `ollama`, `local` or `scripted`."""
    model: Annotated[str, Len(0, 200)] = ""
    """The provider's name for the model, e.g. `gpt-4.1-mini`. Not used by `scripted` and `local`."""
    base_url: Annotated[str, Len(0, 2000)] = ""
    """Where the provider listens, when it is not its usual address. Needed for OpenAI-compatible servers."""
    api_key: Annotated[str, Len(0, 300)] = ""
    """Where the key is found, never the key itself: `env:OPENAI_API_KEY` or `file:/run/secrets/openai`."""
    price: ModelPrice | None = None
    """Set by hand when the price list does not know the model. An unknown price is refused, never zero."""
    max_output_tokens: Annotated[int, Ge(1), Le(200_000)] = 4_096
    """The most tokens one reply may have; the budget reserves for this many."""
    timeout_s: Annotated[int, Ge(1), Le(600)] = 120
    """How long one reply may take, in seconds, retries included."""
    script: Mapping[str, tuple[ScriptStep, ...]] = field(default_factory=dict[str, tuple[ScriptStep, ...]])
    """For `scripted` only: what each agent does, turn by turn. Key: the agent's name."""

    @property
    def kind(self) -> ModelKind:
        """How every view labels an answer of this model."""
        if self.provider == "scripted":
            return "scripted"
        return "local" if self.runs_at_home else "hosted"

    @property
    def runs_at_home(self) -> bool:
        """Whether it runs in this server, or is an Ollama on this machine or at a private address: nobody sells it.

        What a name stands for is not known here, so no name counts but `localhost`.
        """
        if self.provider != "ollama":
            return self.provider == "local"
        return not self.base_url or _is_at_home(self.base_url)


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request. `agent` names who asks (the scripted model plays that agent's part)."""

    agent: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    max_output_tokens: int


@dataclass(frozen=True, slots=True)
class ModelReply:
    """One complete answer.

    `attempts` counts requests sent, retries included; `model` is the name the provider gave back.
    """

    text: str
    tool_calls: tuple[ToolCall, ...]
    usage: Usage
    finish: FinishReason
    model: str
    attempts: int = 1


def _is_at_home(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        if host == "localhost":
            return True
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _AT_HOME if network.version == address.version)
