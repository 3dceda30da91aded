"""Past calls, judged once more with a policy that is not in force yet."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from swarmstead.permits.contract import Change, PastCall, PolicyVerdict, Replay, Verdict
from swarmstead.permits.policies.tenant import House, Loaded, TenantPolicies

_EXAMPLES = 20


def replayed(
    tenant: str, house: House, now: Sequence[Loaded], tried: Sequence[Loaded], calls: Sequence[PastCall], unread: int
) -> Replay:
    """How the calls would have ended with `tried` in force beside `now`, against how they would end without it.

    A policy that is tried takes the place of the one with its name, and is judged as if it were enforced.
    """
    names = {one.name for one in tried}
    enforced = [replace(one, spec=replace(one.spec, mode="enforce", share=1.0)) for one in tried]
    others = [one for one in now if one.name not in names]
    without, with_it = TenantPolicies(tenant, house, others), TenantPolicies(tenant, house, [*others, *enforced])
    mine = {ruling.id for one in enforced for ruling in one.rulings()}
    ended: Counter[Verdict] = Counter()
    matched: Counter[str] = Counter()
    needs: set[str] = set()
    examples: list[Change] = []
    undecided = 0
    for call in calls:
        was, would = (one.decide(call.question, call.at_ms) for one in (without, with_it))
        if waiting := mine.intersection(would.conditional):
            needs |= waiting
            undecided += 1
            continue
        matched.update(mine.intersection(would.rules))
        if was.effect == would.effect:
            continue
        ended[would.effect] += 1
        if len(examples) < _EXAMPLES:
            examples.append(_change(call, was, would))
    return Replay(
        calls=len(calls),
        blocked=ended["deny"],
        asked=ended["ask"],
        allowed=ended["allow"],
        undecided=undecided,
        unread=unread,
        matched=dict(sorted(matched.items())),
        needs_arguments=tuple(sorted(needs)),
        examples=tuple(examples),
    )


def _change(call: PastCall, was: PolicyVerdict, would: PolicyVerdict) -> Change:
    asked = call.question
    tool = f"{asked.server}/{asked.tool}"
    return Change(call.seq, call.at_ms, asked.subject, tool, was.effect, would.effect, would.rules)
