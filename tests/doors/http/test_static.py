"""The web UI's files: hashed ones may be kept, index.html never; nothing outside of the folder is served."""

from pathlib import Path

import httpx
import pytest

from swarmstead.doors.http.static import WebUi


@pytest.fixture
def ui(tmp_path: Path) -> httpx.AsyncClient:
    """A client of a built UI; a secret lies beside its folder."""
    folder = tmp_path / "built"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>Swarmstead</title>")
    (folder / "pages.json").write_text('["/", "/agents/$name", "/inbox", "/runs", "/runs/$id"]')
    (folder / "assets" / "app-1a2b.js").write_text("export {}")
    (folder / "icon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("secret")
    return httpx.AsyncClient(transport=httpx.ASGITransport(WebUi(folder)), base_url="http://ui")


async def test_pages_are_the_index_and_are_not_kept(ui: httpx.AsyncClient) -> None:
    for path in ("/", "/runs/r_1", "/inbox", "/inbox/", "/agents/billing.v2"):
        answer = await ui.get(path)
        assert answer.status_code == 200
        assert answer.text == "<title>Swarmstead</title>"
        assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/nope", "/runs/r_1/nope", "/agents"])
async def test_what_is_no_page_says_so_by_its_status_and_shows_the_document(ui: httpx.AsyncClient, path: str) -> None:
    answer = await ui.get(path)
    assert (answer.status_code, answer.text) == (404, "<title>Swarmstead</title>")


async def test_hashed_files_are_kept_for_ever(ui: httpx.AsyncClient) -> None:
    answer = await ui.get("/assets/app-1a2b.js")
    assert "javascript" in answer.headers["content-type"]
    assert "immutable" in answer.headers["cache-control"]
    assert (await ui.get("/icon.svg")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/missing.js", "/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt"])
async def test_a_file_that_is_not_part_of_the_ui_is_not_served(ui: httpx.AsyncClient, path: str) -> None:
    answer = await ui.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


async def test_without_a_build_the_page_says_so(tmp_path: Path) -> None:
    client = httpx.AsyncClient(transport=httpx.ASGITransport(WebUi(tmp_path)), base_url="http://ui")
    answer = await client.get("/")
    assert answer.status_code == 200
    assert "make up" in answer.text
    assert (await client.get("/runs")).status_code == 404
