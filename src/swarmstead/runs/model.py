"""The life of a run, as a table.

                 ┌──────────── pause ───────────┐
    queued ──▶ running ◀──▶ waiting           paused
       │          │            │                │
       └──────────┴────────────┴────────────────┴──▶ succeeded | failed | cancelled

`waiting` means: at least one question of this run waits for a person. It is a state of its own because it is the one
that a person has to do something about. `paused` shows once nothing of the run is in flight any more; until then the
run is `running` with the wish to pause. Ended states are never left.
"""

from swarmstead.runs.contract import ENDED, CommandKind, Desired, RunStatus
from swarmstead.runs.errors import CommandRefused

# command -> (wishes from which it may be given, the wish it leaves, what it will do)
_COMMANDS: dict[CommandKind, tuple[frozenset[Desired], Desired, str]] = {
    "pause": (frozenset({"running"}), "paused", "Pausing at the next safe point."),
    "resume": (frozenset({"paused"}), "running", "Going on where it stopped."),
    "cancel": (
        frozenset({"running", "paused"}),
        "cancelled",
        "Cancelling: model calls are cut, tool calls in flight are let finish.",
    ),
}


def after_command(kind: CommandKind, status: str, desired: Desired) -> tuple[Desired, str]:
    """The wish after a command, and its effect in words. Fails: CommandRefused, saying what would work."""
    allowed, wish, effect = _COMMANDS[kind]
    if status in ENDED:
        raise CommandRefused(f"This run {ending_words(status)}; it takes no commands.", way_out="Launch a new run.")
    if desired not in allowed:
        state = {
            "running": "is not paused",
            "paused": "is paused or pausing already",
            "cancelled": "is being cancelled already",
        }
        raise CommandRefused(f"This run {state[desired]}.", way_out="Look at the run; nothing was changed.")
    return wish, effect


def ending_words(status: str) -> str:
    """`has succeeded`, `has failed`, `was cancelled`."""
    return "was cancelled" if status == "cancelled" else f"has {status}"


def resting_status(desired: Desired, pending: int, *, busy: bool) -> RunStatus:
    """The status of a run that has not ended: what waits for a person comes first, then what rests."""
    if pending > 0:
        return "waiting"
    return "paused" if desired == "paused" and not busy else "running"
