"""Specs are read by many threads from the first moment on."""

import subprocess
import sys

from swarmstead.wiring import KINDS

_AT_ONCE = """
import sys, threading
from swarmstead.resources.instances import instance
from swarmstead.wiring import KINDS

sys.setswitchinterval(1e-6)
start = threading.Barrier(8)

def read():
    start.wait()
    for name in sorted(KINDS):
        try:
            instance(KINDS[name].spec, {})
        except ValueError:
            pass  # most specs have fields that they cannot do without

threads = [threading.Thread(target=read) for _ in range(8)]
[one.start() for one in threads]
[one.join() for one in threads]
print("read", len(KINDS))
"""


def test_threads_that_read_a_kind_for_the_first_time_together_survive() -> None:
    done = subprocess.run([sys.executable, "-c", _AT_ONCE], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"read {len(KINDS)}\n"
