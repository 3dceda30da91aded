"""Start to ready, memory at rest, and the command line's own start.

`python -m bench.start FOLDER [TIMES]` prints one JSON object.

First starts have an empty folder: schema, keys and samples are made. Second starts find all of it.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.server import running

_REST_S = 10


def measure(folder: Path, times: int) -> dict[str, Any]:
    """Seconds to ready of first and second starts, and megabytes of the last one just after and ten seconds later.

    `help_s`: seconds that `stead --help` takes, as a process.
    """
    found: dict[str, Any] = {"first_s": [], "second_s": [], "help_s": [_help_s() for _ in range(times)]}
    for number in range(times):
        data = folder / str(number)
        with running(data) as server:
            found["first_s"].append(server.ready_s)
        with running(data) as server:
            found["second_s"].append(server.ready_s)
            if number == times - 1:
                found["at_ready_mb"] = server.memory_mb()
                time.sleep(_REST_S)
                found["at_rest_mb"] = server.memory_mb()
    return found


def _help_s() -> float:
    began = time.perf_counter()
    subprocess.run([Path(sys.executable).with_name("stead"), "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Measure under the folder named on the command line."""
    times = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
        print(json.dumps(measure(Path(folder), times)))


if __name__ == "__main__":
    main()
