"""What backpressure costs a call that nothing stands in the way of. `python -m bench.traffic` prints one JSON object.

Microseconds of CPU a call, the best of several rounds: each link alone over a call that does nothing, minus what an
empty link costs; and the links together as they stand in the chain, minus what no link at all costs. Then buckets that
several processes share, on a Postgres of our own: microseconds for tokens that are leased, milliseconds for a lease.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import postgres
from swarmstead.gateway.adapters.shared_buckets import SharedBuckets
from swarmstead.gateway.chain import Answer, Call, Link, Next, chained
from swarmstead.gateway.contract import Caller, CallOutcome, CallRequest, ServerRef, ToolServerSpec
from swarmstead.gateway.links.breaker import Breakers
from swarmstead.gateway.links.load import Load
from swarmstead.gateway.links.rate import Rate
from swarmstead.gateway.links.retry import Retry
from swarmstead.gateway.model import tool_from
from swarmstead.gateway.offers import Listed
from swarmstead.gateway.schemas.compiled import contract_of
from swarmstead.gateway.schemas.limits import ContractLimits
from swarmstead.gateway.traffic.bucket import Claim
from swarmstead.gateway.traffic.limits import Rate as RateLimit
from swarmstead.gateway.traffic.limits import TrafficLimits
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.storage.database import Database
from swarmstead.storage.engines import make_engine
from swarmstead.storage.migrate import migrate

_CALLS = 20_000
_ROUNDS = 7
_IDENTITIES = 50
_LEASES = 300
_DONE = CallOutcome("ok")
_AMPLE = RateLimit(1e9, 1_000_000)


class Nothing:
    """A link that goes on."""

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        return await proceed(call)


async def _end(_: Call) -> Answer:
    return _DONE


def calls() -> list[Call]:
    """One call by each of some identities."""
    spec = ToolServerSpec("http", url="http://127.0.0.1:8900/mcp")
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    definition: dict[str, Any] = {"name": "read", "inputSchema": schema, "annotations": {"readOnlyHint": True}}
    tool = tool_from("kit", spec, definition)
    listed = Listed(tool, contract_of(tool, ContractLimits()))
    server = ServerRef("kit", spec)
    scopes = [
        Scope("acme", Actor(f"key:{number}", "user", "bench", frozenset({"operator"}))) for number in range(_IDENTITIES)
    ]
    return [Call(CallRequest(Caller(scope), "kit", "read", {}, "key"), server, listed) for scope in scopes]


async def cost_us(links: Sequence[Link], made: Sequence[Call]) -> float:
    """Microseconds of CPU a call."""
    chain = chained(links, _end)
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.process_time()
        for number in range(_CALLS):
            await chain(made[number % _IDENTITIES])
        best = min(best, time.process_time() - started)
    return best / _CALLS * 1e6


async def measure() -> dict[str, Any]:
    """Each link alone, and all of them, net of an empty chain of the same length."""
    traffic, made = Traffic(TrafficLimits(identity=_AMPLE, tenant=_AMPLE)), calls()
    links: dict[str, Link] = {
        "rate": Rate(traffic, 10),
        "load": Load(traffic, 10),
        "breaker": Breakers(traffic),
        "retry": Retry(traffic, 10),
    }
    empty = [await cost_us([Nothing()] * length, made) for length in range(len(links) + 1)]
    found = {name: round(await cost_us([link], made) - empty[1], 2) for name, link in links.items()}
    three = [links["rate"], links["load"], links["breaker"]]
    found["rate+load+breaker"] = round(await cost_us(three, made) - empty[0], 2)
    found["rate+load+breaker, net of three empty links"] = round(await cost_us(three, made) - empty[3], 2)
    found["all four"] = round(await cost_us(list(links.values()), made) - empty[0], 2)
    return {
        "us_per_call": found,
        "shared": await _shared(),
        "calls": _CALLS,
        "rounds": _ROUNDS,
        "identities": _IDENTITIES,
    }


async def _shared() -> dict[str, float]:
    """A lease of two buckets that are new, and tokens of two that are leased."""
    with tempfile.TemporaryDirectory() as folder, postgres.running(Path(folder)) as url:
        engine = make_engine(url)
        migrate(engine)
        database = Database(engine, make_engine(url, readonly=True))
        buckets, leases = SharedBuckets(database), list[float]()
        try:
            for number in range(_LEASES):
                claims = _claims(f"tenant{number}", 50.0)
                started = time.perf_counter()
                assert await buckets.take(claims) == 0.0
                leases.append(time.perf_counter() - started)
            claims = _claims("ample", 1e6)
            await buckets.take(claims)
            started = time.process_time()
            for _ in range(_CALLS):
                await buckets.take(claims)
            hit = time.process_time() - started
        finally:
            database.close()
    return {"lease_ms": round(statistics.median(leases) * 1e3, 2), "hit_us": round(hit / _CALLS * 1e6, 2)}


def _claims(tenant: str, rate: float) -> list[Claim]:
    burst = int(rate * 2)
    return [Claim("tenant", tenant, "", rate, burst), Claim("identity", tenant, "key:1", rate, burst)]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure()), indent=2))
