"""`python -m tests.fuzz.run TARGET [libFuzzer options]`: look for bytes that break something (`make fuzz`)."""

import importlib
import sys
from typing import Any

atheris: Any = importlib.import_module("atheris")  # installed by `make fuzz` alone
with atheris.instrument_imports(include=["swarmstead"]):
    from tests.fuzz.targets import TARGETS

atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
atheris.Fuzz()
