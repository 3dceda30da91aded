"""Work in a child: its answer comes back, and nothing else of it stays."""

import subprocess
import sys
import threading

from swarmstead.kernel.apart import apart

_ALONE = """
import sys
from swarmstead.kernel.apart import apart

def loads():
    import decimal
    return decimal.Decimal("1.5") * 2

def fails():
    raise SystemExit("not here")

loaded = "decimal" in sys.modules
print(apart(lambda: int(loads() * 2)), ("decimal" in sys.modules) == loaded, apart(fails), flush=True)
print(apart(lambda: lambda: None), apart(lambda: "x" * 1_000_000) == "x" * 1_000_000)
"""


def test_a_process_with_one_thread_gets_the_answer_and_keeps_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", _ALONE], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("6 True None\nNone True\n", "")


def test_a_process_with_more_threads_is_not_forked() -> None:
    go_on, ran = threading.Event(), list[int]()
    other = threading.Thread(target=go_on.wait)
    other.start()
    try:
        assert apart(lambda: ran.append(1) or "done") is None
    finally:
        go_on.set()
        other.join()
    assert ran == []
