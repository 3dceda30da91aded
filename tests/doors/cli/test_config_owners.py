"""Several gateways on one database, each with files of its own or with the same ones."""

from pathlib import Path

import httpx

from swarmstead.storage.database import Database
from tests.conftest import OpenDatabase
from tests.doors.cli.helpers import Server, stead
from tests.doors.cli.test_gateway import BINDING, declare, gateway, until


def config_check(server: Server) -> str:
    checks = httpx.get(f"{server.address}/readyz", timeout=30, trust_env=False).json()["checks"]
    (check,) = [one for one in checks if one["name"] == "config"]
    return check["detail"]


def in_force(database: Database) -> list[tuple[str, str]]:
    """Each binding that is declared, and who has declared it."""
    query = "select name, declared_by from resources where kind = 'Binding' and digest <> '' order by name"
    return database.read_sync(lambda conn: [(row[0], row[1]) for row in conn.exec_driver_sql(query)])


def home(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


def test_gateways_with_other_files_leave_each_others_alone_and_agree_who_has_what(
    tmp_path: Path, postgres_url: str, open_database_at: OpenDatabase
) -> None:
    one, two = home(tmp_path, "one"), home(tmp_path, "two")
    env = {"STEAD_DATABASE_URL": postgres_url, "STEAD_BOOTSTRAP_KEY": "0123456789-bootstrap"}
    database = open_database_at(postgres_url)
    ones = declare(one, own=BINDING.format(name="one", tools="read"), both=BINDING.format(name="both", tools="read"))
    twos = declare(two, own=BINDING.format(name="two", tools="read"))
    alpha, beta = ("--config", ones, "--config-owner", "alpha"), ("--config", twos)
    with gateway(one, *alpha, **env), gateway(two, *beta, STEAD_CONFIG_OWNER="beta", **env) as second:
        assert in_force(database) == [
            ("both", "system:config/alpha"),
            ("one", "system:config/alpha"),
            ("two", "system:config/beta"),
        ]
        declare(two, both=BINDING.format(name="both", tools="put"))
        until(lambda: "another owner's files" in config_check(second), second)
        assert "two owners: 'alpha', who has it, and 'beta'" in second.said
        refused = stead(
            two, "gateway", "--port", "0", "--data", two / "third", *beta, env={**env, "STEAD_CONFIG_OWNER": "beta"}
        )
        refused.refused("Binding both is declared by the files of two owners: 'alpha', who has it, and 'beta'")
        assert dict(in_force(database))["both"] == "system:config/alpha"
        (ones / "both.yaml").unlink()
        until(lambda: dict(in_force(database)).get("both") == "system:config/beta", second)
        until(lambda: config_check(second) == "", second)
        assert second.said.count("two owners") == 1  # it is looked at every second, and said once
    with gateway(one, *alpha, **env), gateway(home(tmp_path, "replica"), *alpha, **env):
        assert [name for name, _ in in_force(database)] == ["both", "one", "two"]
