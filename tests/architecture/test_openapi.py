"""The API's description is OpenAPI 3.1, and the one that is committed is the one that the server serves.

`make api` writes it anew, and the web UI's types with it; `make check` compares those too.
"""

import json
from typing import Any

from swarmstead.doors.http.app import make_api
from tests.architecture.tree import none_of, read


def test_it_is_openapi_3_1() -> None:
    assert make_api().openapi()["openapi"].startswith("3.1.")


def test_the_committed_description_is_the_servers() -> None:
    served: Any = json.loads(json.dumps(make_api().openapi()))
    committed: Any = json.loads(read("ui/openapi.json"))
    paths = served["paths"].keys() ^ committed["paths"].keys()
    schemas = served["components"]["schemas"].keys() ^ committed["components"]["schemas"].keys()
    none_of([*paths, *schemas])
    assert served == committed, "it is out of date: run `make api`"


def test_every_call_says_what_it_does_and_what_goes_wrong() -> None:
    operations = [
        (f"{method} {path}", call)
        for path, methods in make_api().openapi()["paths"].items()
        for method, call in methods.items()
    ]
    none_of(name for name, call in operations if not call.get("description"))
    none_of(name for name, call in operations if "default" not in call["responses"])
    assert len({call["operationId"] for _, call in operations}) == len(operations)
