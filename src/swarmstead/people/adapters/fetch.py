"""GET over aiohttp. It goes wherever it is sent, so only to addresses that the operator has declared."""

from http import HTTPStatus
from typing import TYPE_CHECKING

from swarmstead.people.errors import IssuerAway

if TYPE_CHECKING:
    import aiohttp

_CONNECT_S, _WHOLE_S = 5, 10


class HttpFetch:
    """`people.ports.Fetch`. The client is made at the first use; proxies of the environment are not used."""

    def __init__(self, *, connect_s: float = _CONNECT_S, whole_s: float = _WHOLE_S) -> None:
        self._connect_s = connect_s
        self._whole_s = whole_s
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str, *, max_bytes: int) -> bytes:
        """The body of a 200 answer; anything else is IssuerAway."""
        import aiohttp

        if self._session is None:
            limits = aiohttp.ClientTimeout(total=self._whole_s, connect=self._connect_s)
            self._session = aiohttp.ClientSession(timeout=limits, cookie_jar=aiohttp.DummyCookieJar())
        try:
            headers = {"accept": "application/json"}
            async with self._session.get(url, allow_redirects=False, headers=headers) as answer:
                if answer.status != HTTPStatus.OK:
                    raise IssuerAway(f"{url} answered {answer.status}.")
                body = bytearray()
                async for piece in answer.content.iter_any():
                    body += piece
                    if len(body) > max_bytes:
                        raise IssuerAway(f"{url} answered with more than {max_bytes} bytes.")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise IssuerAway(f"{url} did not answer: {type(error).__name__}.") from error
        return bytes(body)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
