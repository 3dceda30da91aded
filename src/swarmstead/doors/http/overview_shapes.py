"""Bodies of the overview."""

from typing import Any

from swarmstead.doors.http.shapes import ApprovalShape, RunShape, Shape


class SpendShape(Shape):
    """What the tenant has spent today (UTC), and its cap."""

    today_micros: int
    cap_micros: int


class OverviewShape(Shape):
    """What an operator wants to know first."""

    counts: dict[str, int]
    waiting: list[ApprovalShape]
    waiting_total: int
    active_total: int
    active: list[RunShape]
    recent: list[RunShape]
    spend: SpendShape
    sample_available: bool
    sample_input: dict[str, Any]
