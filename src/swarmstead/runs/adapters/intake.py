"""Whether this process takes loops from the queue that it shares with other workers.

DBOS has no switch for that. The limits that it puts on a queue stand in the database and hold for every worker, and to
which queues a worker listens is settled before its launch. So the switch sits on the one call with which its queue
thread claims what is queued (`tests/chaos/test_drained_worker.py` shows that there is no other).
"""

from collections.abc import Callable
from typing import Any

from dbos import DBOS


def close_while(dbos: DBOS, closed: Callable[[], bool]) -> None:
    """From now on `dbos`, which is launched, claims nothing while `closed` says so.

    It is asked in DBOS's threads. A claim that is under way is not called back: what it brings comes in later.
    """
    database = dbos._sys_db  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - see above
    claim = database.start_queued_workflows

    def claim_unless_closed(*of: Any, **more: Any) -> Any:
        return ([], None) if closed() else claim(*of, **more)

    database.start_queued_workflows = claim_unless_closed
