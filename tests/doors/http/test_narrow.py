"""Tokens and limits at the API: made, used, refused; and what a scope of one environment sees."""

import asyncio

import httpx
import pytest

from tests.doors.http.conftest import Served
from tests.doors.http.helpers import decide, launch, until, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def minted(served: Served, key: str | None = None, **body: object) -> str:
    async with served.client(key) as client:
        answer = await client.post("/api/v1/tokens", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


async def test_a_token_is_made_shown_once_and_used(served: Served) -> None:
    async with served.client() as client:
        answer = await client.post("/api/v1/tokens", json={"roles": ["viewer"], "expires_in_s": 60})
        made = answer.json()
        assert set(made) == {"id", "token", "roles", "environment", "expires_at"}
        assert made["roles"] == ["viewer"]
        assert made["token"] not in (await client.get("/api/v1/audit")).text
    async with served.client(made["token"]) as short:
        found = (await short.get("/api/v1/session")).json()
        assert (found["auth"], found["permissions"], found["expires_at"]) == ("token", ["read"], made["expires_at"])
        assert (await short.post("/api/v1/keys", json={"name": "x", "roles": ["admin"]})).status_code == 403
        for path in ("/api/v1/tokens", "/api/v1/session:link"):
            assert (await short.post(path, json={})).json()["code"] == "credential_derived"
        sign_in = await short.post("/api/v1/session:sign-in", json={"key": made["token"]})
        assert sign_in.status_code == 401  # a browser's session would outlive it


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"roles": ["root"]}, 422),
        ({"expires_in_s": 43_201}, 422),
        ({"expires_in_s": 0}, 422),
        ({"environment": "moon"}, 422),
        ({"scope": "all"}, 422),
    ],
)
async def test_a_token_that_cannot_be(served: Served, body: dict[str, object], status: int) -> None:
    async with served.client() as client:
        answer = await client.post("/api/v1/tokens", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, "bad_input")


async def test_a_viewer_mints_no_operator(served: Served) -> None:
    async with served.client(await served.new_key("viewer")) as client:
        answer = await client.post("/api/v1/tokens", json={"roles": ["operator"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


async def test_a_revoked_key_takes_its_tokens_along(served: Served) -> None:
    key = await served.new_key("viewer")
    token = await minted(served, key)
    async with served.client(token) as short, served.client() as admin:
        me = (await short.get("/api/v1/session")).json()["actor"]["id"].removeprefix("key:")
        assert (await admin.post(f"/api/v1/keys/{me}:revoke")).status_code == 204
        assert (await short.get("/api/v1/session")).status_code == 401


async def test_another_environment_is_not_there_for_a_token_of_one(served: Served) -> None:
    dev = await minted(served, environment="dev")
    prod = await minted(served, environment="prod")
    async with served.client() as admin, served.client(dev) as mine, served.client(prod) as other:
        run, approval = await waiting_run(admin, served)
        assert (await mine.get(f"/api/v1/runs/{run['id']}")).status_code == 200
        assert (await mine.get(f"/api/v1/approvals/{approval['id']}")).status_code == 200
        for path in ("", "/events", "/steps"):
            assert (await other.get(f"/api/v1/runs/{run['id']}{path}")).status_code == 404, path
        assert (await other.get(f"/api/v1/approvals/{approval['id']}")).status_code == 404
        assert (await decide(other, approval, "approve")).status_code == 404
        cancel = {"kind": "cancel", "reason": "not mine"}
        assert (await other.post(f"/api/v1/runs/{run['id']}/commands", json=cancel)).status_code == 404
        for path in ("/api/v1/runs", "/api/v1/approvals", "/api/v1/events", "/api/v1/overview"):
            answer = await other.get(path)
            assert (answer.status_code, run["id"] in answer.text) == (200, False), path
        first = (await mine.get(f"/api/v1/runs/{run['id']}/events")).json()["items"][0]["seq"]
        since = {"after": first - 1, "limit": 1}
        assert run["id"] in (await mine.get("/api/v1/events", params=since)).text
        assert run["id"] not in (await other.get("/api/v1/events", params=since)).text
        body = {"swarm": "repo-review", "input": {"repo": str(served.repository)}, "environment": "dev"}
        for path in ("/api/v1/runs:preview", "/api/v1/runs"):
            answer = await other.post(path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "environment_refused")
        for path in ("/api/v1/keys", "/api/v1/audit"):
            assert (await other.get(path)).status_code == 403
        assert (await other.post("/api/v1/apply", content="kind: Agent")).status_code in (403, 422)
        started = await launch(mine, served)
        await mine.post(f"/api/v1/runs/{started['id']}/commands", json=cancel)
        await until(mine, started["id"], "cancelled")


async def test_the_header_narrows_a_key(served: Served) -> None:
    async with served.client() as client:
        found = (await client.get("/api/v1/session", headers={"x-stead-environment": "dev"})).json()
        assert found["environment"] == "dev"
        assert "key.manage" not in found["permissions"]
        unknown = await client.get("/api/v1/runs", headers={"x-stead-environment": "moon"})
        assert (unknown.status_code, unknown.json()["field"]) == (422, "X-Stead-Environment")
        other = await client.get("/api/v1/runs", headers={"x-stead-tenant": "other"})
        assert (other.status_code, other.json()["code"]) == (403, "tenant_refused")
        assert (await client.get("/api/v1/runs", headers={"x-stead-tenant": "default"})).status_code == 200
    async with served.client(await minted(served, environment="dev")) as narrow:
        wider = await narrow.get("/api/v1/runs", headers={"x-stead-environment": "prod"})
        assert (wider.status_code, wider.json()["code"]) == (403, "environment_refused")


async def test_metadata_without_an_issuer_and_behind_any_host(served: Served) -> None:
    async with served.client("") as nobody:
        for path, resource in (("", ""), ("/mcp", "/mcp"), ("/mcp/reading", "/mcp/reading")):
            found = (await nobody.get(f"/.well-known/oauth-protected-resource{path}")).json()
            assert found["resource"] == f"{served.address}{resource}"
            assert "authorization_servers" not in found
        assert (await nobody.get("/.well-known/oauth-protected-resource/mcp/No_Name")).status_code == 422
        answer = await nobody.post("/mcp", json={}, headers={"host": 'localhost:1", evil="x'})
        assert answer.status_code in (401, 421)
        assert "evil" not in answer.headers.get("www-authenticate", "")


async def test_one_wrong_credential_after_the_other_is_slowed_down(served: Served) -> None:
    """From an address of its own, as a trusted proxy would tell it."""
    headers = {"x-forwarded-for": "203.0.113.7"}
    async with httpx.AsyncClient(base_url=served.address, timeout=30) as client:
        guesses = [headers | {"authorization": f"Bearer stead_guess-{number}"} for number in range(60)]
        answers = await asyncio.gather(*(client.get("/api/v1/runs", headers=guess) for guess in guesses))
        assert {answer.status_code for answer in answers} <= {401, 429}
        answer = await client.get("/api/v1/runs", headers=headers | {"authorization": "Bearer stead_one-more"})
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["code"] == "too_many_guesses"
        sign_in = await client.post("/api/v1/session:sign-in", json={"key": "stead_x"}, headers=headers)
        assert sign_in.status_code == 429
        redeem = await client.post("/api/v1/session:redeem", json={"token": "x"}, headers=headers)
        assert redeem.status_code == 429
        good = await client.get(
            "/api/v1/runs", headers=headers | {"authorization": f"Bearer {await served.new_key('viewer')}"}
        )
        assert good.status_code == 200  # whoever shares the address is not locked out
    async with served.client() as client:
        assert (await client.get("/api/v1/runs")).status_code == 200
