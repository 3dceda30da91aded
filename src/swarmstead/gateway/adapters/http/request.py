"""The head of a request: checked and written once, used for many."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from swarmstead.gateway.adapters.http.errors import BadRequest
from swarmstead.gateway.headers import problem_with
from swarmstead.gateway.targets import Target

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_PATH = re.compile(r"/[\x21-\x7e]*|\?[\x21-\x7e]*")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Method, target and headers as they go over the wire, up to the length of the body."""

    target: Target
    prefix: bytes

    def message(self, body: bytes) -> bytes:
        """Head and body."""
        return b"%b%d\r\n\r\n%b" % (self.prefix, len(body), body)


def request_head(target: Target, method: str, headers: Mapping[str, str]) -> RequestHead:
    """Check and write a head. Fails: BadRequest, which names a header and never its value.

    Host, length and framing are ours to say. `accept-encoding: identity`: a few bytes must not unpack into gigabytes.
    """
    if method not in _METHODS:
        raise BadRequest("the request's method is none of " + ", ".join(sorted(_METHODS)))
    if not _PATH.fullmatch(target.path):
        raise BadRequest("the path of its address has characters that need escaping")
    lines = [f"{method} {target.path} HTTP/1.1", f"host: {target.authority}", "accept-encoding: identity"]
    for name, value in headers.items():
        problem = problem_with(name, value)
        if problem:
            raise BadRequest(problem)
        if name.lower() != "accept-encoding":
            lines.append(f"{name}: {value.strip()}")
    lines.append("content-length: ")
    return RequestHead(target, "\r\n".join(lines).encode())
