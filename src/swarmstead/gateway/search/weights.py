"""What ranking weighs, from a file that ships with the package and carries a version."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Weights:
    """How signals add up; docs/rooms/tool-search.md says how each number was found.

    `keyword` weighs the share of the request's information that a tool's words cover, against `static` and `deep`: the
    cosines of two embedding models. `whole` is the part of the whole task in the score, the rest is the best single
    step's. The last four move tools that fit about as well: per unit of quality, per tenfold of cost and of latency,
    per class of risk.
    """

    version: str
    keyword: float
    static: float
    deep: float
    whole: float
    candidates: int
    quality: float
    cost: float
    latency: float
    risk: float


@cache
def shipped() -> Weights:
    """The weights of this version of the package. Fails: ValueError when the file is of another format."""
    text = (files("swarmstead.gateway.search") / "weights.json").read_text()
    data: dict[str, Any] = json.loads(text)
    if data.pop("format") != FORMAT:
        raise ValueError(f"weights.json must have the format {FORMAT}")
    data.pop("tuned_on")
    return Weights(**data)
