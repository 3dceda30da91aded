"""The gate under every order of comings and goings: the cap holds, no slot is lost, turns go round."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from swarmstead.gateway.traffic.gate import Gate, Place, Ticket

OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["come", "leave", "withdraw", "pass", "cap"]), st.integers(0, 7)), max_size=120
)


def nothing() -> None:
    """Nobody waits for it."""


def ticket(identity: str, until: float = 1e9) -> Ticket:
    return Ticket(identity, until, nothing)


class Crowd:
    """Calls that come, wait, give up and leave, and what must hold after each of these."""

    def __init__(self, cap: int) -> None:
        self.gate = Gate(cap)
        self.now = 0.0
        self.direct = 0
        self.tickets: list[Ticket] = []
        self.most = cap

    def step(self, what: str, number: int) -> None:
        match what:
            case "come":
                if self.gate.enter():
                    self.direct += 1
                else:
                    one = Ticket(f"who{number % 3}", self.now + number, nothing)
                    if self.gate.queue(one, 5, self.now):
                        self.tickets.append(one)
            case "leave" if self.direct:
                self.direct -= 1
                self.gate.leave(self.now)
            case "withdraw" if self.tickets:
                gone = self.tickets.pop(number % len(self.tickets))
                self.gate.withdraw(gone, self.now)
                self.gate.withdraw(gone, self.now)
            case "cap":
                self.gate.cap = self.most = number + 1
            case _:
                self.now += number

    def check(self) -> None:
        inside = self.direct + sum(one.place is Place.INSIDE for one in self.tickets)
        waiting = sum(one.place is Place.WAITING for one in self.tickets)
        assert (self.gate.inside, self.gate.waiting) == (inside, waiting)
        assert waiting <= 5


@given(st.integers(1, 4), OPERATIONS)
def test_the_cap_holds_and_no_slot_is_lost(cap: int, operations: list[tuple[str, int]]) -> None:
    crowd = Crowd(cap)
    for what, number in operations:
        before = crowd.gate.inside
        crowd.step(what, number)
        crowd.check()
        assert crowd.gate.inside <= max(crowd.gate.cap, before)
    for one in crowd.tickets:
        crowd.gate.withdraw(one, crowd.now)
    for _ in range(crowd.direct):
        crowd.gate.leave(crowd.now)
    assert (crowd.gate.inside, crowd.gate.waiting, crowd.gate.used) == (0, 0, False)
    assert sum(crowd.gate.enter() for _ in range(20)) == crowd.gate.cap


def test_slots_go_round_between_identities_and_in_order_within_one() -> None:
    gate, order = Gate(1), list[str]()
    assert gate.enter()

    def queued(identity: str, number: int) -> Ticket:
        return Ticket(identity, 1e9, lambda: order.append(f"{identity}{number}"))

    for identity, count in [("greedy", 4), ("modest", 2), ("late", 1)]:
        for number in range(count):
            assert gate.queue(queued(identity, number), 100, 0.0)
    for _ in range(7):
        gate.leave(0.0)
    assert order == ["greedy0", "modest0", "late0", "greedy1", "modest1", "greedy2", "greedy3"]


def test_nobody_overtakes_the_queue() -> None:
    gate = Gate(1)
    assert gate.enter()
    assert gate.queue(ticket("ann"), 1, 0.0)
    gate.cap = 2
    assert not gate.enter()
    assert not gate.queue(ticket("bob"), 1, 0.0)


def test_a_slot_is_not_given_to_one_whose_time_is_over() -> None:
    gate, late, patient = Gate(1), ticket("ann", until=5.0), ticket("bob", until=50.0)
    assert gate.enter()
    assert gate.queue(late, 9, 0.0)
    assert gate.queue(patient, 9, 0.0)
    gate.leave(6.0)
    assert (late.place, patient.place, gate.inside) == (Place.GONE, Place.INSIDE, 1)


def test_identities_leave_nothing_behind() -> None:
    gate = Gate(1)
    assert gate.enter()
    for number in range(1000):
        one = ticket(f"invented{number}")
        assert gate.queue(one, 3, 0.0)
        gate.withdraw(one, 0.0)
    inside: Any = gate
    assert len(inside._queues) == 0
