"""What is counted, redaction, and trace ids. Everything that leaves as a log or event passes `redact`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from swarmstead.kernel.hashing import sha256_hex
from swarmstead.telemetry.meter import METER

REDACTED = "[redacted]"
_SECRET_NAME = re.compile(
    r"(?i)(^|[_.-])(pass(word|wd|phrase)?|secret|token|api[_-]?key|authorization|cookie|credential|private[_-]?key)s?($|[_.-])"
)
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
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|(?<=://)[^/\s:@]{1,64}:[^/\s:@]{1,128}(?=@)"
)
_DEEPEST = 40


def redact_text(text: str) -> str:
    """`text` with everything that has the form of a credential replaced."""
    return _SECRET_VALUE.sub(REDACTED, text)


def redact(value: Any, depth: int = 0) -> Any:
    """A copy of a JSON value without credentials: by the form of a text, and by the name of a field."""
    if isinstance(value, str):
        return redact_text(value)
    if depth > _DEEPEST:
        return REDACTED
    if isinstance(value, Mapping):
        fields = cast("Mapping[Any, Any]", value)
        return {
            key: REDACTED
            if isinstance(item, str) and item and _SECRET_NAME.search(str(key))
            else redact(item, depth + 1)
            for key, item in fields.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        items = cast("Sequence[Any]", value)
        return [redact(item, depth + 1) for item in items]
    return value


def trace_id_of(run: str) -> str:
    """The W3C trace id of a run: 32 hex digits made from its id, so that every process gives the same one."""
    return sha256_hex(f"trace:{run}".encode())[:32]


def span_id_of(step: str) -> str:
    """The W3C span id of a step: 16 hex digits made from its key."""
    return sha256_hex(f"span:{step}".encode())[:16]


def tool_called(verdict: str, path: str, seconds: float) -> None:
    """One call has walked the gateway's chain; `path` is `direct` or `planned`."""
    METER.count("stead_tool_calls_total", verdict=verdict, path=path)
    METER.observe("stead_tool_call_seconds", seconds, verdict=verdict)


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
