"""Memory that threads have freed serves other threads."""

import subprocess
import sys

PROGRAM = """
import threading, psutil
from swarmstead.doors.worker.memory import few_arenas
{call}

def work():
    kept = [bytearray(60_000) for _ in range(200)]
    del kept

for _ in range(8):  # sixteen threads at a time, each takes twelve megabytes and gives them back
    barrier = threading.Barrier(16)
    threads = [threading.Thread(target=lambda: (barrier.wait(), work())) for _ in range(16)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
with open("/proc/self/maps") as maps:
    print(sum(1 for line in maps if "rw-p 00000000 00:00 0 \\n" in line or line.rstrip().endswith("00:00 0")))
"""


def arenas(call: str) -> int:
    """How many stretches of anonymous memory a process has in the end."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(call=call)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_threads_share_arenas() -> None:
    assert arenas("few_arenas()") < arenas("")
