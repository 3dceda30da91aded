"""Name look-ups without a network: names resolve to what a test says, each time to the next of its answers."""

from collections.abc import Sequence


class StubResolver:
    """Satisfies `gateway.ports.Resolver`. The last answer of a name stays; `asked` is what was looked up."""

    def __init__(self, **names: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers: dict[str, list[Sequence[str]]] = {}
        for name, addresses in names.items():
            self.say(name, addresses)

    def say(self, name: str, *answers: Sequence[str]) -> None:
        """The addresses of a name, look-up by look-up."""
        self._answers[name] = list(answers)

    async def resolve(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answers = self._answers.get(host)
        if not answers:
            raise OSError(f"no such name: {host}")
        return answers.pop(0) if len(answers) > 1 else answers[0]
