"""What a new user does wrong first, and what is said then."""

from pathlib import Path

from tests.doors.cli.conftest import Call

_TEAM = """\
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {name: dreamer}
spec: {description: Dreams., model: nowhere, instructions: Dream.}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Swarm
metadata: {name: dreams}
spec: {description: Dreams., pattern: delegate, coordinator: dreamer, task: Dream.}
"""


def test_a_swarm_whose_only_agent_lacks_its_model_says_so(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"
    path.write_text(_TEAM)
    assert call("apply", "-f", path).code == 0
    for command in ("preview", "start"):
        done = call("run", command, "dreams")
        done.refused("The model 'nowhere' of dreamer is not declared.", "Add it")
        assert "Missing, and so not shown above" in done.out
        assert "AGENT" not in done.out
