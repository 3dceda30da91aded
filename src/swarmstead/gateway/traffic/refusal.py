"""What is said where a token bucket is empty: which one it was, and whose limit that is."""

import math
from collections.abc import Sequence

from swarmstead.gateway.errors import RateExceeded
from swarmstead.gateway.ports import Buckets
from swarmstead.gateway.traffic.bucket import Claim

_WHOSE = {
    "tenant": ("this tenant", "STEAD_RATE_PER_TENANT and STEAD_BURST_PER_TENANT, or STEAD_RATES for one tenant"),
    "identity": ("this caller", "STEAD_RATE_PER_IDENTITY and STEAD_BURST_PER_IDENTITY, or STEAD_RATES for a role"),
    "tool": ("this tool", "spec.limits.rate_per_s and burst of its ToolServer"),
}


def in_words(wait: float) -> str:
    """Seconds, rounded up to tenths: whoever waits as long as is said does not come too early."""
    return f"{max(math.ceil(wait * 10) / 10, 0.1):.1f} s"


def rate_refusal(buckets: Buckets, claims: Sequence[Claim], wait: float, what: str, share: str = "") -> RateExceeded:
    """Too many of `what` for what these claims allow. Named are those whose bucket is empty now.

    Where none is any more (time went by), all are: any of them may have been it. `share` says of the settings what they
    mean for `what`.
    """
    empty = buckets.empty(claims) or claims
    allowed = ", and ".join(f"{one.rate:g}/s for {_WHOSE[one.kind][0]}, {one.burst} at once" for one in empty)
    settings = "; ".join(_WHOSE[one.kind][1] for one in empty)
    return RateExceeded(
        f"Denied: too many {what}. Allowed are {allowed}.",
        way_out=f"Try again in {in_words(wait)}, or have that limit raised ({settings}).{share}",
        extra={"retry_after_s": round(wait, 3)},
    )
