"""Start-up stays fast: no room loads an SDK, a template engine or the price list before it is used."""

import json
import pkgutil
import subprocess
import sys

import swarmstead.models
import swarmstead.models.adapters

HEAVY = ("pydantic_ai", "openai", "anthropic", "google.genai", "genai_prices", "jinja2", "httpx", "httpx2")
# Three are nothing but pydantic-ai and what it brings, three nothing but Jinja2; the others load them when needed.
ON_DEMAND = {"adapters.wire", "adapters.mapping", "adapters.line", "script", "templates", "work"}


def test_importing_the_room_loads_nothing_heavy() -> None:
    names = {module.name for module in pkgutil.iter_modules(swarmstead.models.__path__)}
    names |= {f"adapters.{module.name}" for module in pkgutil.iter_modules(swarmstead.models.adapters.__path__)}
    assert names > ON_DEMAND
    wanted = [f"swarmstead.models.{name}" for name in sorted(names - ON_DEMAND)]
    code = f"import {', '.join(wanted)}, sys, json; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert loaded.isdisjoint(HEAVY)
    assert set(wanted) <= loaded
