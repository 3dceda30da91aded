"""What is counted, redaction, and trace ids. Everything that leaves as a log or event passes `redact`."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

from swarmstead.kernel.hashing import sha256_hex
from swarmstead.kernel.plain import plain_text
from swarmstead.telemetry.meter import METER

REDACTED = "[redacted]"
_SECRET_NAME = re.compile(
    r"(?i)(^|[_.-])(pass(word|wd|phrase)?|secret|token|api[_-]?key|authorization|cookie|credential|private[_-]?key)s?($|[_.-])"
)
_PLACE_NAME = re.compile(r"(?i)(page|next|continuation)[_.-]?token$")  # where a list goes on: no secret, and needed
_INNER_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# High precision on purpose: each form is one that nothing but a credential has.
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{22,}\b"
    r"|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}"
    r"|\bstead_[A-Za-z0-9_-]{40,}"
    r"|\bAIza[A-Za-z0-9_-]{35}\b"
    r"|(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|(?<=://)[^/\s?#@:\"<>\\]{0,64}:[^/\s?#\"<>\\]{1,512}(?=@)"
)
# Every form holds one of these, and most texts hold none: looking for them first costs a tenth.
_MARKS = (
    *("-----BEGIN ", "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "sk-"),
    *("stead_", "AIza", "eyJ", "://"),
)
# A text may be JSON, or hold some: there too a field that is named like a secret has none to show.
_FIELD_NAMES = ("pass", "secret", "token", "key", "authorization", "cookie", "credential")
_FIELD = re.compile(r'"([^"\\]{1,200})"(\s{0,20}:\s{0,20})"((?:[^"\\]|\\.)*+)', re.DOTALL)
_HOLDS = re.compile(r'"([^"\\]{1,200})"\s{0,20}:\s{0,20}[\[{]')
# `NAME=value`, as environments and addresses write it. Code does too (`token=read()`): so it takes a digit and a letter
# and no space, and nothing that a call or a variable has.
_PAIR = re.compile(
    r"(?<![\w.-])([A-Za-z_][\w.-]{1,60}+=[\"']?)([^\s\\\"'&;,()\[\]{}<>$.=]{6,}+={0,2}+)(?![^\s\\\"'&;,])"
)
_MIXED = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9])", re.DOTALL)
TRACEPARENT = "traceparent"
"""The header of W3C Trace Context, and the field of MCP's `_meta` (https://www.w3.org/TR/trace-context/)."""
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_DEEPEST = 40
_NO_BOUND = 10_000  # but that of recursion
_SHORTEST = 6  # `://:p@`: nothing shorter has any of the forms
_LONGEST_NAME = 200
_OBJECTS, _ARRAYS, _BYTES = (dict, Mapping), (list, Sequence), (bytes, bytearray)


def redact_text(text: str) -> str:
    """`text` with everything that has the form of a credential replaced, and what is named like one.

    That is the texts of JSON fields, of all that lies in such a field where the whole text is JSON, and `NAME=value`.
    Cost: linear in the text, whatever it holds.
    """
    if len(text) < _SHORTEST:
        return text
    for mark in _MARKS:
        if mark in text:
            text = _SECRET_VALUE.sub(REDACTED, text)
            break
    is_json, has_pairs = '"' in text and ":" in text, "=" in text
    if is_json or has_pairs:
        lower = text.lower()
        if any(name in lower for name in _FIELD_NAMES):
            text = _PAIR.sub(_without_value, text) if has_pairs else text
            return _redact_json(_FIELD.sub(_shown, text)) if is_json else text
    return text


def _without_value(pair: re.Match[str]) -> str:
    name, value = pair.groups()
    return f"{name}{REDACTED}" if _MIXED.match(value) and _field(name.rstrip("\"'="))[1] else pair[0]


def _redact_json(text: str) -> str:
    """As `redact`, where the text is JSON; it is written anew only if there was something to take out.

    Texts of its fields are out already: it is parsed only where something else may lie in such a field, or be escaped.
    """
    if text.lstrip()[:1] not in {"{", "["} or not (
        "\\" in text or any(_field(name)[1] for name in _HOLDS.findall(text))
    ):
        return text
    try:
        value = json.loads(text)
        redacted = _redact(value, 0, hide=False, deepest=_NO_BOUND)
        return text if redacted == value else plain_text(json.dumps(redacted, ensure_ascii=False))
    except (ValueError, RecursionError):
        return text


def _shown(field: re.Match[str]) -> str:
    name, between, value = field.groups()
    return f'"{name}"{between}"{REDACTED}' if value and _field(name)[1] else field[0]


def redact(value: Any) -> Any:
    """A copy of a JSON value without credentials: by the form of a text, and by the name of a field it lies in."""
    return _redact(value, 0, hide=False, deepest=_DEEPEST)


def _redact(value: Any, depth: int, *, hide: bool, deepest: int) -> Any:
    """`hide`: the value lies in a field that is named like a secret, so no text in it may stay."""
    if isinstance(value, str):
        return REDACTED if hide and value else redact_text(value)
    if depth > deepest:
        return REDACTED
    if isinstance(value, _OBJECTS):
        fields = cast("Mapping[Any, Any]", value)
        redacted: dict[str, Any] = {}
        for key, item in fields.items():
            name, hidden = _field(str(key))
            redacted[name] = _redact(item, depth + 1, hide=hide or hidden, deepest=deepest)
        return redacted
    if isinstance(value, _ARRAYS) and not isinstance(value, _BYTES):
        items = cast("Sequence[Any]", value)
        return [_redact(item, depth + 1, hide=hide, deepest=deepest) for item in items]
    return value


def names_a_secret(name: str) -> bool:
    """Whether a field, header or variable of this name holds a credential."""
    return _field(name)[1]


def _field(name: str) -> tuple[str, bool]:
    """The name as it may be shown, and whether the field holds a credential. Long names are not kept: memory is."""
    return _known_field(name) if len(name) <= _LONGEST_NAME else _new_field(name)


def _new_field(name: str) -> tuple[str, bool]:
    return redact_text(name), _says_secret(name)


_known_field = lru_cache(4096)(_new_field)


def _says_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(_INNER_CAPITAL.sub("_", name))) and not _PLACE_NAME.search(name)


def trace_id_of(run: str) -> str:
    """The W3C trace id of a run: 32 hex digits made from its id, so that every process gives the same one."""
    return sha256_hex(f"trace:{run}".encode())[:32]


def span_id_of(step: str) -> str:
    """The W3C span id of a step: 16 hex digits made from its key."""
    return sha256_hex(f"span:{step}".encode())[:16]


class TraceParent(NamedTuple):
    """What a `traceparent` of W3C Trace Context says: a trace, the span in it that asks, and whether it is kept."""

    trace_id: str
    span_id: str
    sampled: bool


def parent_of(traceparent: object) -> TraceParent | None:
    """What a `traceparent` says; None for what is none: nothing else is passed on."""
    found = _TRACEPARENT.fullmatch(traceparent) if isinstance(traceparent, str) else None
    return None if found is None else TraceParent(found[1], found[2], bool(int(found[3], 16) & 1))


def traceparent_of(trace_id: str, step: str, *, sampled: bool = True) -> str:
    """What a call of this step says of itself. Sampled, unless we know better: whoever keeps spans decides himself."""
    return f"00-{trace_id}-{span_id_of(step)}-{'01' if sampled else '00'}"


def spans_exported(count: int) -> None:
    """The collector has taken spans."""
    METER.count("stead_spans_exported_total", count)


def spans_dropped(count: int, why: str) -> None:
    """Spans were given up; `why` is `queue` (full), `collector` (did not take them) or `closing` (no time left)."""
    METER.count("stead_spans_dropped_total", count, why=why)


def tool_called(verdict: str, path: str, seconds: float) -> None:
    """One call has walked the gateway's chain; `path` is `direct` or `planned`."""
    METER.count("stead_tool_calls_total", verdict=verdict, path=path)
    METER.observe("stead_tool_call_seconds", seconds, verdict=verdict)


def call_refused(reason: str) -> None:
    """Backpressure has refused a tool call, or a look at what there is; `reason` is the code of the refusal."""
    METER.count("stead_tool_calls_refused_total", reason=reason)


def call_waited(where: str, seconds: float) -> None:
    """A tool call has waited for a token (`rate`) or for room (`queue`)."""
    METER.observe("stead_tool_call_wait_seconds", seconds, where=where)


def call_retried(reason: str) -> None:
    """The gateway has sent a tool call once more; `reason` is the code of what went wrong before."""
    METER.count("stead_tool_calls_retried_total", reason=reason)


def policy_checked(effect: str, would: str) -> None:
    """One call was judged; `would` is what policies in monitor mode would have made of it, '' where there are none."""
    METER.count("stead_policy_checks_total", effect=effect)
    if would:
        METER.count("stead_policy_monitored_total", effect=effect, would=would)


def grant_monitored() -> None:
    """A call was let through by bindings that are only monitored: without them it would have been denied."""
    METER.count("stead_grants_monitored_total")


def model_called(kind: str, status: str, spent_micros: int, input_tokens: int, output_tokens: int) -> None:
    """One model step has ended."""
    METER.count("stead_model_calls_total", kind=kind, status=status)
    METER.count("stead_spend_micros_total", spent_micros, kind=kind)
    METER.count("stead_tokens_total", input_tokens, direction="input", kind=kind)
    METER.count("stead_tokens_total", output_tokens, direction="output", kind=kind)


def run_finished(status: str) -> None:
    """One run has ended."""
    METER.count("stead_runs_finished_total", status=status)


def request_served(method: str, status: int, seconds: float) -> None:
    """One HTTP request was answered; `status` is counted by its class."""
    METER.count("stead_http_requests_total", method=method, status=f"{status // 100}xx")
    METER.observe("stead_http_request_seconds", seconds, method=method)


def credential_refused(reason: str) -> None:
    """Somebody was not let in; `reason` is the code of the refusal."""
    METER.count("stead_credentials_refused_total", reason=reason)


def connection_let_go(why: str) -> None:
    """There were too many connections: a new one was closed (`refused`), or one that was `idle` in its favour."""
    METER.count("stead_connections_let_go_total", why=why)


def config_read(outcome: str) -> None:
    """The operator's files were read: applied | unchanged | refused | failed."""
    METER.count("stead_config_reads_total", outcome=outcome)
