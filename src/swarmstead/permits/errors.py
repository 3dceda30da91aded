"""Why a decision or a plan is refused."""

from swarmstead.kernel.errors import Conflict, NotFound


class ApprovalUnknown(NotFound):
    """There is no such approval in the caller's tenant."""

    code = "approval_unknown"


class HashChanged(Conflict):
    """The decision was made on another payload than the one that waits."""

    code = "hash_changed"


class AlreadyDecided(Conflict):
    """Somebody else was faster, or it has expired."""

    code = "already_decided"


class PlanNotApproved(Conflict):
    """The plan is not approved, was used before, has expired, or is for another payload."""

    code = "plan_refused"


class PolicyUnknown(NotFound):
    """There is no such policy in the caller's tenant."""

    code = "policy_unknown"
