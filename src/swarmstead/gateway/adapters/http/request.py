"""The head of a request: checked and written once, used for many."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from swarmstead.gateway.adapters.http.errors import BadRequest
from swarmstead.gateway.headers import problem_with
from swarmstead.gateway.targets import Target

_BODILESS = frozenset({"GET", "DELETE"})
_METHODS = _BODILESS | {"POST", "PUT", "PATCH"}
_PATH = re.compile(r"/[\x21-\x7e]*|\?[\x21-\x7e]*")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Method, target and headers as they go over the wire.

    `prefix` goes up to the length of the body; `alone` is the whole head of a request that needs none, b"" if it does.
    """

    target: Target
    prefix: bytes
    alone: bytes

    def message(self, body: bytes) -> bytes:
        """Head and body."""
        if not body and self.alone:
            return self.alone
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
    head = "\r\n".join(lines).encode() + b"\r\n"
    return RequestHead(target, head + b"content-length: ", head + b"\r\n" if method in _BODILESS else b"")
