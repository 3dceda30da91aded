"""Who is let in, as whom, and what each role may do."""

import pytest

from swarmstead.people import handlers as people
from tests.doors.http.conftest import Served
from tests.doors.http.helpers import decide, launch, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")
COOKIE = "stead_session"


async def test_a_key_says_who_the_caller_is(served: Served) -> None:
    async with served.client() as client:
        session = (await client.get("/api/v1/session")).json()
    assert session["tenant"] == "default"
    assert session["auth"] == "key"
    assert session["actor"]["roles"] == ["admin"]
    assert {"name": "prod", "production": True} in session["environments"]


@pytest.mark.parametrize(
    "header",
    ["Bearer stead_unknown", "Bearer", "Basic YWRtaW46YWRtaW4=", "stead_unknown"],
    ids=["unknown key", "empty", "another scheme", "no scheme"],
)
async def test_a_wrong_credential_is_refused_and_not_echoed(served: Served, header: str) -> None:
    async with served.client("") as client:
        answer = await client.get("/api/v1/runs", headers={"authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "stead_unknown" not in answer.text
    assert answer.json()["way_out"]


async def test_a_one_time_link_signs_a_browser_in_once(served: Served) -> None:
    async with served.client() as owner:
        path = (await owner.post("/api/v1/session:link")).json()["path"]
    token = path.partition("#token=")[2]
    async with served.client("") as browser:
        answer = await browser.post("/api/v1/session:redeem", json={"token": token})
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert (await browser.get("/api/v1/session")).json()["auth"] == "session"
    async with served.client("") as another:
        again = await another.post("/api/v1/session:redeem", json={"token": token})
    assert again.status_code == 401
    assert again.json()["code"] == "credential_refused"


async def test_a_session_makes_no_links_and_so_comes_to_an_end(served: Served) -> None:
    async with served.client("") as browser:
        await browser.post("/api/v1/session:sign-in", json={"key": served.key})
        made = await browser.post("/api/v1/session:link", headers={"x-stead-request": "1"})
    assert (made.status_code, made.json()["code"]) == (403, "credential_derived")
    assert "stead key link" in made.json()["way_out"]


async def test_a_cookie_changes_nothing_without_the_header_of_our_pages(served: Served) -> None:
    async with served.client("") as browser:
        signed_in = await browser.post("/api/v1/session:sign-in", json={"key": served.key})
        assert signed_in.status_code == 200
        forged = await browser.post("/api/v1/keys", json={"name": "forged", "roles": ["admin"]})
        assert forged.status_code == 403
        assert forged.json()["code"] == "csrf_refused"
        ours = {"x-stead-request": "1"}
        made = await browser.post("/api/v1/keys", json={"name": "meant", "roles": ["viewer"]}, headers=ours)
        assert made.status_code == 201
        names = [key["name"] for key in (await browser.get("/api/v1/keys")).json()["items"]]
    assert "meant" in names
    assert "forged" not in names


async def test_signing_out_ends_the_session(served: Served) -> None:
    async with served.client("") as browser:
        await browser.post("/api/v1/session:sign-in", json={"key": served.key})
        secret = browser.cookies[COOKIE]
        gone = await browser.post("/api/v1/session:sign-out", headers={"x-stead-request": "1"})
        assert gone.status_code == 204
    async with served.client("", session=secret) as thief:
        answer = await thief.get("/api/v1/session")
    assert answer.status_code == 401


async def test_a_revoked_key_is_useless_at_once_with_its_sessions(served: Served) -> None:
    secret = await served.new_key("viewer")
    async with served.client("") as browser, served.client() as admin:
        await browser.post("/api/v1/session:sign-in", json={"key": secret})
        mine = (await browser.get("/api/v1/session")).json()["actor"]["id"].removeprefix("key:")
        assert (await admin.post(f"/api/v1/keys/{mine}:revoke")).status_code == 204
        assert (await browser.get("/api/v1/session")).status_code == 401
    async with served.client(secret) as client:
        assert (await client.get("/api/v1/session")).status_code == 401


async def test_an_expired_session_is_refused(served: Served) -> None:
    key = served.scope().actor.id.removeprefix("key:")
    secret = await served.app.db.write(lambda tx: people.sign_in(tx, served.app.clock, key))
    past = people.sessions.update().values(expires_at=1).where(people.sessions.c.hash == people.secret_hash(secret))
    await served.app.db.write(lambda tx: tx.conn.execute(past))
    async with served.client("", session=secret) as client:
        answer = await client.get("/api/v1/session")
    assert answer.status_code == 401


# (role, may): what each role may do with a run that waits
LAUNCH, DECIDE, COMMAND, APPLY, KEYS, AUDIT = "launch", "decide", "command", "apply", "keys", "audit"
MAY = {
    "viewer": set[str](),
    "operator": {LAUNCH, COMMAND},
    "approver": {DECIDE, AUDIT},
    "admin": {LAUNCH, DECIDE, COMMAND, APPLY, KEYS, AUDIT},
}


@pytest.mark.parametrize("role", MAY)
async def test_roles_are_enforced(served: Served, role: str) -> None:
    secret = await served.new_key(role)
    async with served.client() as admin:
        _, approval = await waiting_run(admin, served)
    manifest = "apiVersion: swarmstead.dev/v1alpha1\nkind: Agent\nmetadata: {name: by-role}\n"
    manifest += "spec: {instructions: Do little., model: scripted}\n"
    async with served.client(secret) as client:
        assert (await client.get("/api/v1/runs")).status_code == 200
        body = {"swarm": "repo-review", "input": {"repo": str(served.repository)}}
        answers = {
            LAUNCH: await client.post("/api/v1/runs:preview", json=body),
            AUDIT: await client.get("/api/v1/audit"),
            APPLY: await client.post("/api/v1/apply", content=manifest),
            KEYS: await client.get("/api/v1/keys"),
            DECIDE: await decide(client, approval, "deny", "by role"),
            COMMAND: await client.post(f"/api/v1/runs/{approval['run']}/commands", json={"kind": "cancel"}),
        }
    for action, answer in answers.items():
        if action in MAY[role]:
            assert answer.status_code in (200, 202, 409), (action, answer.text)
        else:
            assert answer.status_code == 403, (action, answer.text)
            assert answer.json()["code"] == "not_permitted"
            assert "admin" in answer.json()["roles"]
    async with served.client() as admin:
        await admin.post(f"/api/v1/runs/{approval['run']}/commands", json={"kind": "cancel"})


async def test_a_launch_needs_the_role_too(served: Served) -> None:
    async with served.client(await served.new_key("approver")) as client:
        body = {"swarm": "repo-review", "input": {"repo": str(served.repository)}}
        assert (await client.post("/api/v1/runs", json=body)).status_code == 403
    async with served.client(await served.new_key("operator")) as client:
        run = await launch(client, served)
        await client.post(f"/api/v1/runs/{run['id']}/commands", json={"kind": "cancel"})


async def test_an_empty_authorization_header_is_no_way_around_the_browser_check(served: Served) -> None:
    async with served.client() as client:
        opened = await client.post("/api/v1/session:sign-in", json={"key": served.key})
    session = opened.cookies["stead_session"]
    async with served.client("", session) as browser:
        answer = await browser.post("/api/v1/session:sign-out", headers={"authorization": ""})
        assert answer.json()["code"] == "not_signed_in"  # the header is the credential, the cookie is not looked at
        assert (await browser.get("/api/v1/session")).status_code == 200
