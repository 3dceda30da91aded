"""What an operator wants to know first, in one request."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter

from swarmstead.budgets import queries as budgets
from swarmstead.doors.http import overview_shapes as shapes
from swarmstead.doors.http import run_views
from swarmstead.doors.http.auth import Caller
from swarmstead.doors.http.careful import CarefulRoute
from swarmstead.doors.http.routes.approvals import with_askers
from swarmstead.doors.http.whole import Whole
from swarmstead.kernel.clock import utc_day
from swarmstead.kernel.money import micros_from_usd
from swarmstead.kernel.scope import Scope
from swarmstead.people import queries as people
from swarmstead.people.contract import require
from swarmstead.permits import queries as permits
from swarmstead.runs import queries
from swarmstead.runs.contract import ACTIVE

router = APIRouter(prefix="/api/v1", tags=["overview"], route_class=CarefulRoute)
_DAY_MS = 86_400_000
_SAMPLE = "repo-review"
_MOST_ACTIVE = 20
_WAITING = queries.Wanted(statuses=("waiting",))
_GOING_ON = queries.Wanted(statuses=[status for status in ACTIVE if status != "waiting"])
_ENDED = queries.Wanted(statuses=("succeeded", "failed", "cancelled"))


@router.get("/overview")
async def overview(scope: Caller, app: Whole) -> shapes.OverviewShape:
    """What waits, what runs, what ran, what it cost."""
    require(scope, "read")
    now = app.clock.now_ms()
    cap = micros_from_usd(app.settings.tenant_day_usd)

    def read(conn: Any) -> shapes.OverviewShape:
        """All of it as it was at one moment: counts, lists and spend agree."""
        first = people.production(conn, scope)
        waiting = permits.find(conn, scope, statuses=["pending"], first=first, limit=10)
        counts = queries.counts(conn, scope, now - _DAY_MS)
        spent = budgets.balance(conn, scope, f"tenant/{utc_day(now)}")
        recent = queries.find(conn, scope, _ENDED, limit=10)
        sample = app.registry.find(conn, scope, "Swarm", _SAMPLE) is not None
        return shapes.OverviewShape(
            counts={
                "running": counts.get("running", 0),
                "waiting": counts.get("waiting", 0),
                "queued": counts.get("queued", 0),
                "paused": counts.get("paused", 0),
                "succeeded_24h": counts.get("succeeded", 0),
                "failed_24h": counts.get("failed", 0),
            },
            waiting=with_askers(app, conn, scope, waiting),
            waiting_total=permits.count_pending(conn, scope),
            active_total=sum(counts.get(status, 0) for status in ACTIVE),
            active=[run_views.run(one, app.loop_version) for one in _active(conn, scope, first)],
            recent=[run_views.run(one, app.loop_version) for one in recent],
            spend=shapes.SpendShape(today_micros=spent.spent if spent else 0, cap_micros=cap),
            sample_available=sample,
            sample_input={"repo": app.sample_repository()},
        )

    return await app.db.read(read)


def _active(conn: Any, scope: Scope, first: Sequence[str]) -> list[queries.RunRow]:
    """Those that wait for a person, the most urgent first; then the others, newest first."""
    waiting = queries.urgent(conn, scope, _WAITING, first=first, limit=_MOST_ACTIVE)
    return waiting + queries.find(conn, scope, _GOING_ON, limit=_MOST_ACTIVE)[: _MOST_ACTIVE - len(waiting)]
