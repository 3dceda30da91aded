"""Which headers a request of ours may carry. Pure; used when a spec is applied and again when a request is written."""

import re

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def problem_with(name: str, value: str) -> str:
    """What is wrong with a header, '' for nothing. Names it and never tells its value, which may be a secret."""
    if not _NAME.fullmatch(name):
        return f"the header name {name[:100]!r} is not valid"
    if name.lower() in _OURS:
        return f"the header {name!r} is set by the gateway itself"
    if _CONTROL.search(value):
        return f"the value of the header {name!r} has a line break or another control character"
    return ""
