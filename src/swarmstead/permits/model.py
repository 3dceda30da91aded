"""Pure rules of the permits room: which calls go straight through, which wait, which never happen."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["allow", "ask", "deny"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A verdict with the sentence that people read next to it."""

    verdict: Verdict
    text: str


_BY_RISK = {
    "read": Rule("allow", "read tools go straight through"),
    "write": Rule("ask", "write tools wait for a person"),
    "danger": Rule("ask", "dangerous tools wait for a person"),
}
_UNKNOWN = Rule("deny", "a tool without a risk class is denied")


def rule_for(risk: str) -> Rule:
    """The built-in rule for a risk class; whatever is not known is denied."""
    return _BY_RISK.get(risk, _UNKNOWN)
