"""`python -m tests.fuzz.run TARGET [libFuzzer options]`: look for bytes that do what they should not. See `make fuzz`."""

import sys

import atheris

with atheris.instrument_imports(include=["swarmstead"]):
    from tests.fuzz.targets import TARGETS

atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
atheris.Fuzz()
