"""Runs: preview, launch, look, watch, command."""

from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Depends, Query, Request

from swarmstead.doors.http import paging, run_views, shapes
from swarmstead.doors.http.auth import Caller
from swarmstead.doors.http.careful import CarefulRoute, expect, mark
from swarmstead.doors.http.once import claim_of, once
from swarmstead.doors.http.routes.approvals import with_askers
from swarmstead.doors.http.streaming import EventStream
from swarmstead.doors.http.whole import Whole
from swarmstead.kernel.clock import rfc3339
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.scope import Scope
from swarmstead.people import queries as people
from swarmstead.people.contract import require
from swarmstead.permits import queries as permits
from swarmstead.runs import events, handlers, queries
from swarmstead.runs.contract import Command, Launch, Overrides, RunStatus
from swarmstead.runs.told import shown_to_readers
from swarmstead.storage.database import Tx

router = APIRouter(prefix="/api/v1", tags=["runs"], route_class=CarefulRoute)
_SEQ_DIGITS = 18
# A run is read again with each of its events; a question may carry a whole file.
_MOST_QUESTIONS = 50


def _wish(body: shapes.PreviewIn, plan_hash: str = "", key: str = "") -> Launch:
    overrides = Overrides(**body.overrides.model_dump())
    return Launch(body.swarm, body.input, overrides, body.environment, plan_hash, key)


@router.post("/runs:preview")
async def preview(body: shapes.PreviewIn, scope: Caller, app: Whole) -> shapes.PlanShape:
    """What would run now: agents, tools with verdicts, cost, time, questions, and what is missing. Starts nothing."""
    return run_views.plan(await app.runs.preview(scope, _wish(body)))


@router.post("/runs", status_code=201)
async def launch(request: Request, body: shapes.LaunchIn, scope: Caller, app: Whole) -> shapes.RunShape:
    """Launch a swarm. With `plan_hash`, only if exactly that would run; else 409 `plan_changed` with the new plan."""
    run = await app.runs.launch(scope, _wish(body, body.plan_hash, claim_of(request)))
    return run_views.run(await app.db.read(lambda conn: queries.get(conn, scope, run)), app.loop_version)


async def _wanted(
    status: Annotated[str, Query(max_length=200)] = "",
    swarm: Annotated[str, Query(max_length=63)] = "",
    environment: Annotated[str, Query(max_length=63)] = "",
) -> queries.Wanted:
    statuses = paging.choices(status, get_args(RunStatus), "status")
    return queries.Wanted(statuses=statuses, swarm=swarm, environment=environment)


@router.get("/runs")
async def find(
    scope: Caller,
    app: Whole,
    wanted: Annotated[queries.Wanted, Depends(_wanted)],
    order: Literal["newest", "urgent"] = "newest",
    cursor: paging.Cursor = "",
    limit: paging.Limit = 50,
) -> shapes.Page[shapes.RunShape]:
    """Runs, newest first. `status` may name several, separated by commas.

    `order=urgent` is for those that wait for a person: production first, then the one that waits longest.
    """
    require(scope, "read")
    if order == "urgent":
        return await _urgent(app, scope, wanted, cursor, limit)
    after = paging.decode(cursor, str)
    before = str(after[0]) if after else ""
    found = await app.db.read(lambda conn: queries.find(conn, scope, wanted, before=before, limit=limit + 1))
    more = paging.encode(found[limit - 1].row["id"]) if len(found) > limit else None
    return shapes.Page(items=[run_views.run(one, app.loop_version) for one in found[:limit]], next=more)


async def _urgent(
    app: Whole, scope: Scope, wanted: queries.Wanted, cursor: str, limit: int
) -> shapes.Page[shapes.RunShape]:
    after = paging.decode(cursor, int, int, str)
    start = (int(after[0]), int(after[1]), str(after[2])) if after else None

    def read(conn: Any) -> shapes.Page[shapes.RunShape]:
        first = people.production(conn, scope)
        found = queries.urgent(conn, scope, wanted, first=first, after=start, limit=limit + 1)
        more = paging.encode(*queries.place_of(found[limit - 1], first)) if len(found) > limit else None
        return shapes.Page(items=[run_views.run(one, app.loop_version) for one in found[:limit]], next=more)

    return await app.db.read(read)


@router.get("/runs/{run}")
async def show(request: Request, run: str, scope: Caller, app: Whole) -> shapes.RunDetail:
    """A run with its agents, its plan and its questions."""
    require(scope, "read")

    def read(conn: Any) -> shapes.RunDetail:
        """All of it as it was at one moment, which the ETag names. Fails: RunUnknown."""
        found = queries.get(conn, scope, run)
        agents = queries.agents_of(conn, scope, run)
        names = {agent["id"]: agent["agent"] for agent in agents}
        asked = permits.of_run(conn, scope, run, most=_MOST_QUESTIONS)
        mark(request, str(found.seq))
        show = shown_to_readers(found.row["input"])
        return shapes.RunDetail(
            **run_views.run(found, app.loop_version).model_dump(),
            agents=[run_views.agent_run(agent, names, show) for agent in agents],
            plan=run_views.plan(queries.plan_of(conn, scope, found)),
            approvals=with_askers(app, conn, scope, asked),
        )

    return await app.db.read(read)


@router.get("/runs/{run}/events", response_model=shapes.Page[shapes.EventShape])
async def run_events(
    run: str, request: Request, scope: Caller, app: Whole, after: paging.Seq = 0, limit: paging.Limit = 500
) -> Any:
    """The run's events: a page of JSON, or a stream when `Accept: text/event-stream` asks for it."""
    require(scope, "read")
    await app.db.read(lambda conn: queries.get(conn, scope, run))
    if _wants_stream(request):
        return EventStream(request, scope, _resume_at(request, after), run)
    found = await app.db.read(lambda conn: events.after(conn, scope, after, run=run, limit=limit + 1))
    more = str(found[limit - 1].seq) if len(found) > limit else None
    return {"items": [run_views.event(one) for one in found[:limit]], "next": more}


@router.get("/events", response_model=shapes.Page[shapes.EventShape])
async def tenant_events(
    request: Request, scope: Caller, app: Whole, after: paging.Seq | None = None, limit: paging.Limit = 500
) -> Any:
    """Everything that happens in the tenant; streamed when `Accept` asks for it.

    A new stream starts at the newest event.
    """
    require(scope, "read")
    if _wants_stream(request):
        newest = await app.db.read(lambda conn: events.head(conn, scope))
        return EventStream(request, scope, _resume_at(request, newest if after is None else after), "")
    found = await app.db.read(lambda conn: events.after(conn, scope, after or 0, limit=limit + 1))
    more = str(found[limit - 1].seq) if len(found) > limit else None
    return {"items": [run_views.event(one) for one in found[:limit]], "next": more}


@router.get("/runs/{run}/steps")
async def steps(
    run: str, scope: Caller, app: Whole, cursor: paging.Cursor = "", limit: paging.Limit = 200
) -> shapes.Page[shapes.StepShape]:
    """The run's steps in the order in which they began."""
    require(scope, "read")
    after = paging.decode(cursor, int, str)
    start = (int(after[0]), str(after[1])) if after else None
    found = await app.db.read(lambda conn: queries.get(conn, scope, run))
    rows = await app.db.read(lambda conn: queries.steps_of(conn, scope, run, after=start, limit=limit + 1))
    more = paging.encode(rows[limit - 1]["started_at"], rows[limit - 1]["key"]) if len(rows) > limit else None
    show = shown_to_readers(found.row["input"])
    return shapes.Page(items=[run_views.step(row, found.row["trace_id"], show) for row in rows[:limit]], next=more)


@router.get("/runs/{run}/steps/{key:path}")
async def step(run: str, key: str, scope: Caller, app: Whole) -> shapes.StepDetail:
    """One step with what went in and came out, redacted."""
    require(scope, "read")
    found = await app.db.read(lambda conn: queries.get(conn, scope, run))
    row = await app.db.read(lambda conn: queries.step(conn, scope, run, key))
    return run_views.step_detail(row, found.row["trace_id"], shown_to_readers(found.row["input"]))


@router.post("/runs/{run}/commands", status_code=202)
async def command(request: Request, run: str, body: shapes.CommandIn, scope: Caller, app: Whole) -> shapes.CommandOut:
    """Pause, resume or cancel. Taken at the run's next safe point.

    `expected_seq`, or `If-Match` with the run's ETag, refuses when the run has moved on.
    """
    seq = body.expected_seq
    if "if-match" in request.headers:
        seen = await app.db.read(lambda conn: queries.get(conn, scope, run).seq)
        expect(request, str(seen), "The run")
        seq = seen if seq is None else seq  # so that nothing comes in between
    said = Command(run, body.kind, body.reason, seq)

    def accepted(tx: Tx) -> shapes.CommandOut:
        effect = handlers.command(tx, scope, app.clock, said)
        return shapes.CommandOut(run=run, kind=body.kind, accepted_at=rfc3339(app.clock.now_ms()), effect=effect)

    return await once(request, accepted)


def _wants_stream(request: Request) -> bool:
    return "text/event-stream" in request.headers.get("accept", "")


def _resume_at(request: Request, default: int) -> int:
    text = request.headers.get("last-event-id", "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > _SEQ_DIGITS:
        raise BadInput("Last-Event-ID is not a number that this server gave.", field="Last-Event-ID")
    return int(text)
