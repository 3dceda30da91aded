"""Why a run cannot be previewed, launched or commanded, and how one ends badly."""

from swarmstead.gateway.contract import Withdrawn
from swarmstead.kernel.errors import BadInput, Conflict, NotFound, SteadError, TooMuch, Unavailable
from swarmstead.kernel.plain import plain_text


class RunUnknown(NotFound):
    """There is no such run in the caller's tenant."""

    code = "run_unknown"


class InputRefused(BadInput):
    """An input of the swarm is missing, of the wrong type, or not allowed."""

    code = "input_refused"


class PlanChanged(Conflict):
    """What would run now is not what was previewed; `plan` is what would run now."""

    code = "plan_changed"
    plan: object = None


class PlanIncomplete(BadInput):
    """Something that the run needs is not there."""

    code = "plan_incomplete"


class Draining(Unavailable):
    """This server takes no new runs: it is about to stop."""

    code = "draining"


class CommandRefused(Conflict):
    """The run is in no state for this command, or has moved on since the caller looked."""

    code = "command_refused"


class DeadlinePassed(TooMuch):
    """The run has worked for as long as it may."""

    code = "deadline_passed"


class TurnsUsedUp(TooMuch):
    """The agent asked its model as often as it may and did not come to an end."""

    code = "turns_used_up"


class AnswerUseless(SteadError):
    """A model's last answer is empty, or was filtered: there is nothing that could pass for a result."""

    status = 502
    code = "answer_empty"


class RunCancelled(Exception):
    """Raised inside an agent's loop at the point where it notices that a person has cancelled the run."""


class JournalMoved(Withdrawn):
    """Raised inside an agent's loop when a step that it was about to write is there already: somebody else wrote it."""


class StepFailed(SteadError):
    """A step that had failed before the loop was started again; it is not tried again."""


def as_data(error: SteadError) -> dict[str, str]:
    """An error as a run stores and shows it; a provider's words in it may hold what cannot be kept."""
    return {"code": error.code, "message": plain_text(error.message), "way_out": error.way_out}
