"""What a policy verdict costs: remembered, evaluated, and evaluated the way one would without handles.

    python -m bench.policy FOLDER

Prints JSON: microseconds a verdict, the best and the worst of seven rounds, by the number of rules a tenant has.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import cedarpy

from swarmstead.permits.contract import PolicyQuestion, PolicySpec
from swarmstead.permits.policies.reading import check, package_text
from swarmstead.permits.policies.tenant import House, Loaded, TenantPolicies

_ROUNDS = 7
_ASKED = PolicyQuestion(
    kind="agent",
    principal="ann",
    name="ann",
    roles=frozenset(),
    digest="sha256:a1",
    swarm="team",
    environment="dev",
    server="kit",
    tool="put",
    risk="write",
    idempotent=False,
    schema_hash="sha256:s",
    arguments={"amount": 50, "note": "x" * 200},
    at_ms=1_795_348_800_000,
)
_HOUSE = House({"dev": False, "prod": True}, {"ann": "sha256:a1"}, {"ann": {"team": "a"}}, {"kit": {"tier": "gold"}})
_AMOUNT = (
    "\nforbid (principal, action, resource) when { context.arguments has amount && context.arguments.amount > 100 };"
)


def _rules(number: int) -> str:
    """Rules as a tenant has them: each about an agent and a tool of its own."""
    return "\n".join(
        f'forbid (principal == Agent::"a{n}", action, resource == Tool::"s/t{n}") '
        "when { context.environment.production };"
        for n in range(number)
    )


def _tenant(text: str) -> TenantPolicies:
    some = [Loaded("p", "sha256:p", PolicySpec(text), check(text))] if text else []
    return TenantPolicies("acme", _HOUSE, some)


def _timed(work: Callable[[], object], times: int) -> dict[str, float]:
    work()
    rounds: list[float] = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for _ in range(times):
            work()
        rounds.append((time.perf_counter() - started) / times * 1e6)
    return {"us": min(rounds), "slowest_us": max(rounds)}


def _from_text(text: str) -> Callable[[], object]:
    """Policies and entities as texts on each call, as the library is used at first."""
    policies = package_text("builtin.cedar") + text
    entities = json.dumps(
        [
            {
                "uid": {"type": "Tool", "id": "kit/put"},
                "parents": [{"type": "Server", "id": "kit"}],
                "attrs": {"server": "kit", "name": "put", "risk": "write", "idempotent": False},
            }
        ]
    )
    context = {
        "arguments": {"amount": 50},
        "environment": {"name": "dev", "production": False},
        "time": {"unix": 1, "hour": 1, "weekday": 1},
        "labels": {},
    }

    def ask() -> object:
        return [
            cedarpy.is_authorized(  # pyright: ignore[reportUnknownMemberType] - its schema may be a bare dict
                {
                    "principal": 'Agent::"ann"',
                    "action": f'Action::"{action}"',
                    "resource": 'Tool::"kit/put"',
                    "context": context,
                },
                policies,
                entities,
            ).allowed
            for action in ("call", "plan")
        ]

    return ask


def _hiding(text: str) -> dict[str, float]:
    """Milliseconds to find out which of 10,000 tools are hidden from a caller, first and again, and how many."""
    tenant = _tenant(text)
    tools = [replace(_ASKED, tool=f"t{n}", server="s", arguments=None, at_ms=None) for n in range(10_000)]
    found: dict[str, float] = {}
    for name in ("first", "again"):
        started = time.process_time()
        found["hidden"] = sum(tenant.hides(one, 0) for one in tools)
        found[f"{name}_ms"] = (time.process_time() - started) * 1000
    return found


_ONE_TOOL = 'forbid (principal, action, resource == Tool::"s/t7");'
_HIDING = {
    "no rule": "",
    "100 rules about other agents": _rules(100),
    "and one about one tool": _rules(100) + _ONE_TOOL,
    "a rule that fits all and reads the name": 'forbid (principal, action, resource) when {resource.name like "t1*"};',
}


def main() -> None:
    """Measure and print."""
    verdicts: dict[str, dict[str, dict[str, float]]] = {
        "remembered": {},
        "first of its kind": {},
        "evaluated: a rule reads the arguments": {},
        "evaluated from texts on each call, without handles": {},
    }
    for number in (0, 10, 100, 400):
        text = _rules(number)
        still, reading = _tenant(text), _tenant(text + _AMOUNT)
        numbers = count()
        measures: dict[str, tuple[Callable[[], object], int]] = {
            "remembered": (lambda still=still: still.decide(_ASKED, 0), 20_000),
            "first of its kind": (
                lambda still=still, numbers=numbers: still.decide(replace(_ASKED, name=str(next(numbers))), 0),
                300,
            ),
            "evaluated: a rule reads the arguments": (lambda reading=reading: reading.decide(_ASKED, 0), 1_000),
            "evaluated from texts on each call, without handles": (_from_text(text + _AMOUNT), 20),
        }
        assert still.decide(_ASKED, 0).effect == reading.decide(_ASKED, 0).effect == "ask"
        for name, (work, times) in measures.items():
            verdicts[name][str(number)] = _timed(work, times)
    text = _rules(100)
    started = time.perf_counter()
    check.cache_clear()
    check(text)
    hiding = {name: _hiding(text) for name, text in _HIDING.items()}
    json.dump(
        {"verdicts": verdicts, "hiding": hiding, "check_100_ms": (time.perf_counter() - started) * 1000}, sys.stdout
    )
    print()


if __name__ == "__main__":
    main()
