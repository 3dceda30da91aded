"""What must be true of a run that was killed and went on, beside the same run undisturbed."""

from pathlib import Path
from typing import Any

_NOT_COMPARED = {"commits", "steps", "questions"}


def faults(folder: Path, outcome: dict[str, Any], undisturbed: dict[str, Any]) -> list[str]:
    """In words; [] when all is well."""
    found = [
        f"{name}: {outcome[name]!r} instead of {undisturbed[name]!r}"
        for name in undisturbed
        if name not in _NOT_COMPARED and outcome[name] != undisturbed[name]
    ]
    asked = [question for question in outcome["questions"] if question[0] == "outcome"]
    found += _steps(outcome["steps"], undisturbed["steps"], asked)
    if [question for question in outcome["questions"] if question[0] == "plan"] != undisturbed["questions"]:
        found.append(f"plans: {outcome['questions']}")
    return found + _effects(folder / "repo" / "chaos", asked)


def _steps(steps: list[Any], undisturbed: list[Any], asked: list[Any]) -> list[str]:
    """The same steps with the same outputs; only a call that a person said had happened may read otherwise."""
    denied = [question[2] for question in asked].count("denied")
    differing = [(one, other) for one, other in zip(steps, undisturbed, strict=False) if one != other]
    unknown = [one for one, _ in differing if one[3] == "chaos__append" and one[4] == "unknown"]
    if len(steps) != len(undisturbed) or len(differing) != denied or len(unknown) != denied:
        return [f"steps differ: {differing or (len(steps), len(undisturbed))}"]
    return []


def _effects(effects: Path, asked: list[Any]) -> list[str]:
    """Every effect once, and no call that may not be repeated was, unless a person said so."""
    found: list[str] = []
    if (lines := (effects / "lines").read_text()) != "hello\n":
        found.append(f"appended {lines!r}")
    if (put := (effects / "put-page").read_text()) != "hello":
        found.append(f"put {put!r}")
    calls = [line.split()[0] for line in (effects / "calls").read_text().splitlines()].count("append")
    again = [question[2] for question in asked].count("approved")
    if calls > 1 + again:
        found.append(f"append was called {calls} times, and a person allowed {again} repeats")
    return found
