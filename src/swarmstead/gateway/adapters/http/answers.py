"""What the status of an answer means, and what is left of one that is no use."""

from swarmstead.gateway.adapters.http.errors import TooLong
from swarmstead.gateway.adapters.http.response import Response

# What says that the request was not even begun. Not 408 and 499, a proxy's words for "I gave up waiting", whatever the
# server had received; nor what servers say after they have acted: 402, 409, 410, 412, 422, 424.
NOT_ACTED_ON = frozenset({307, 308, 400, 401, 403, 404, 405, 406, 411, 413, 414, 415, 421, 426, 428, 429, 431})
_ERROR_BODY = 65_536


async def read_out(response: Response) -> None:
    """Read what follows an answer, most often nothing: only then can the connection serve another call."""
    try:
        async for _ in response.chunks():
            pass
    finally:
        response.close()


async def error_body(response: Response) -> bytes:
    """What came with an error, unless it is long."""
    try:
        return await response.read(_ERROR_BODY)
    except TooLong:
        return b""
