"""What a validation may cost at the worst, found before the schema is ever used.

A small schema may ask exponentially much: references that double at each step, or a recursion with two branches for the
same member. Counted is how often schemas are applied to one value that lies `depth` levels deep; the bounds on a call's
arguments follow from it, and a schema that has none is not used.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from swarmstead.gateway.schemas.limits import ContractLimits
from swarmstead.gateway.schemas.shape import ANY, Node, SchemaRefused, Shape

_MOST_PER_VALUE = 10_000
_LEAST_DEPTH = 3
_DEEPEST = 64
_Edges = Mapping[str, Mapping[int, int]]
"""Member name to the schemas that are applied to it, and how often."""


@dataclass(frozen=True, slots=True)
class Cost:
    """How deep arguments may be, and how often schemas are applied to one value of them at most."""

    depth: int
    per_value: int


def cost_of(shape: Shape, limits: ContractLimits) -> Cost:
    """The bounds under which a schema can be used. Fails: SchemaRefused when there are none."""
    seen = _Levels(shape)
    now = {place: level.own for place, level in seen.levels.items()}
    if now[id(shape.root)] > _MOST_PER_VALUE:
        raise SchemaRefused(f"it asks more than {_MOST_PER_VALUE:,} things of one value")
    for depth in range(1, limits.depth + 1):
        deeper = {place: max(now[place], level.below(now)) for place, level in seen.levels.items()}
        if deeper[id(shape.root)] > _MOST_PER_VALUE:
            if depth <= _LEAST_DEPTH:
                raise SchemaRefused(f"it asks more than {_MOST_PER_VALUE:,} things of one value")
            return Cost(depth - 1, now[id(shape.root)])
        if deeper == now:
            break
        now = deeper
    return Cost(limits.depth, now[id(shape.root)])


@dataclass(frozen=True, slots=True)
class _Level:
    own: int
    edges: _Edges

    def below(self, costs: Mapping[int, int]) -> int:
        """What the dearest of a value's members costs, given what each schema costs."""
        every = _sum(self.edges.get(ANY, {}), costs)
        return max((_sum(one, costs) + (every if name != ANY else 0) for name, one in self.edges.items()), default=0)


class _Levels:
    """For each schema: what it asks of a value itself, all that it refers to included, and of the value's members."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._open: set[int] = set()
        self._expanded: dict[int, tuple[int, Counter[tuple[str, int]]]] = {}
        self.levels: dict[int, _Level] = {}
        waiting = [shape.root]
        nodes = {id(shape.root): shape.root}
        while waiting:
            node = waiting.pop()
            own, members = self._expand(node, nodes, 0)
            edges: dict[str, dict[int, int]] = {}
            for (name, place), times in members.items():
                edges.setdefault(name, {})[place] = times
            self.levels[id(node)] = _Level(own, edges)
            for _, place in members:
                if place not in self.levels:
                    self.levels[place] = _Level(1, {})
                    waiting.append(nodes[place])

    def _expand(self, node: Node, nodes: dict[int, Node], depth: int) -> tuple[int, Counter[tuple[str, int]]]:
        place = id(node)
        if place in self._expanded:
            return self._expanded[place]
        if place in self._open:
            raise SchemaRefused("it refers to itself without going deeper")
        if depth > _DEEPEST:
            raise SchemaRefused(f"its references follow each other more than {_DEEPEST} times")
        self._open.add(place)
        own = 1
        members: Counter[tuple[str, int]] = Counter()
        for name, child in self._shape.children(node):
            nodes[id(child)] = child
            members[name, id(child)] += 1
        for part in self._shape.same(node):
            count, below = self._expand(part, nodes, depth + 1)
            own += count
            members.update(below)
        if "unevaluatedProperties" in node or "unevaluatedItems" in node:  # these look at everything a second time
            own *= 2
            members = Counter({key: 2 * times for key, times in members.items()})
        self._open.remove(place)
        self._expanded[place] = own, members
        return own, members


def _sum(schemas: Mapping[int, int], costs: Mapping[int, int]) -> int:
    return sum(times * costs[place] for place, times in schemas.items())
