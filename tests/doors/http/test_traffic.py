"""What backpressure does is seen by those who operate it, in their own tenant, and in numbers by whoever watches."""

from collections.abc import Generator

import pytest

from swarmstead.doors.http.problems import response_of
from swarmstead.gateway.errors import Overloaded, RateExceeded, Shed, UpstreamResting
from swarmstead.gateway.traffic.state import Traffic
from tests.doors.http.conftest import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def busy(served: Served) -> Generator[Traffic]:
    """One call of `search` of `tickets` under way, one refused, and its breaker open."""
    traffic = served.app.gateway.traffic
    gate, breaker = traffic.tools["default", "tickets", "search"], traffic.breakers["default", "tickets", "", "search"]
    gate.cap = 1
    assert gate.enter()
    traffic.refused("default", "tickets", "overloaded")
    for _ in range(5):
        breaker.tell(breaker.turn, "failed", traffic.clock())
    yield traffic
    gate.leave(traffic.clock())


@pytest.mark.usefixtures("busy")
async def test_operators_see_their_own_servers(served: Served) -> None:
    async with served.client(await served.new_key("operator")) as operator:
        (tickets,) = [
            one for one in (await operator.get("/api/v1/traffic")).json()["items"] if one["name"] == "tickets"
        ]
    assert (tickets["in_flight"], tickets["queued"], tickets["breaker"]) == (1, 0, "open")
    assert 0 < tickets["resting_s"] <= 12
    assert tickets["refused"]["overloaded"] >= 1
    assert [(tool["name"], tool["in_flight"], tool["breaker"]) for tool in tickets["tools"]] == [("search", 1, "open")]
    async with served.client(served.other_key) as theirs:
        assert (await theirs.get("/api/v1/traffic")).json()["items"] == []


async def test_it_takes_an_operator_to_look(served: Served) -> None:
    async with served.client(await served.new_key("viewer")) as viewer:
        answer = await viewer.get("/api/v1/traffic")
    assert (answer.status_code, answer.json()["permission"]) == (403, "tool.call")


@pytest.mark.usefixtures("busy")
async def test_metrics_count_without_names(served: Served) -> None:
    async with served.client("") as nobody:
        metrics = (await nobody.get("/metrics")).text
    assert "stead_tool_calls_in_flight 1.0" in metrics
    assert "stead_tool_calls_asking 0.0" in metrics
    assert "stead_tool_calls_queued 0.0" in metrics
    assert 'stead_breakers{state="open"} 1.0' in metrics
    assert 'stead_tool_calls_refused_total{reason="overloaded"}' in metrics
    assert "tickets" not in metrics


@pytest.mark.parametrize(
    ("error", "status"), [(RateExceeded, 429), (Overloaded, 429), (Shed, 429), (UpstreamResting, 503)]
)
async def test_a_refusal_says_when_to_come_back(
    error: type[RateExceeded | Overloaded | UpstreamResting], status: int
) -> None:
    answer = response_of(error("Denied.", way_out="Wait.", extra={"retry_after_s": 0.2}))
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "1")
    assert "retry-after" not in response_of(error("Denied.")).headers
