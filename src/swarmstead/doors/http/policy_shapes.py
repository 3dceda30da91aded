"""What the API says of policies."""

from typing import Literal

from swarmstead.doors.http.shapes import Shape

Effect = Literal["allow", "ask", "deny"]


class RuleShape(Shape):
    """One rule. `reads` says what it needs beyond who, what and where: `arguments`, `time`.

    `hits` calls were decided by it since this process began (in monitor mode: would have been).
    """

    id: str
    effect: Literal["permit", "forbid"]
    line: int
    text: str
    reads: list[str]
    hits: int
    last_hit: str | None


class ExceptionShape(Shape):
    """What a policy denies and a person may allow, until its time."""

    principal: str
    tool: str
    until: str
    reason: str
    expired: bool


class PolicyShape(Shape):
    """A policy as it stands. `share` is that of the callers for whom it is enforced.

    `problem` says why it is not in force though it is declared.
    """

    name: str
    mode: Literal["monitor", "enforce"]
    share: float
    environments: list[str]
    rules: list[RuleShape]
    exceptions: list[ExceptionShape]
    description: str
    digest: str
    problem: str
    built_in: bool


class ChangeShape(Shape):
    """A past call that would have ended otherwise; `seq` is its row in the audit trail."""

    seq: int
    at: str
    principal: str
    tool: str
    was: Effect
    would: Effect
    rules: list[str]


class ReplayShape(Shape):
    """What a policy would have done to the last calls.

    `undecided` calls depend on arguments, which the trail does not hold; `needs_arguments` names the rules that read
    them. `unread` rows are older than the verdicts in the trail.
    """

    calls: int
    blocked: int
    asked: int
    allowed: int
    undecided: int
    unread: int
    matched: dict[str, int]
    needs_arguments: list[str]
    examples: list[ChangeShape]
