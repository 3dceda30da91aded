"""The whole authorisation table, spelt out a second time: who may do what."""

from typing import get_args

import pytest

from swarmstead.kernel.errors import NotPermitted
from swarmstead.kernel.scope import Actor, Scope, system_scope
from swarmstead.people.contract import ROLE_NAMES, ROLES, Permission, permissions_of, require

V, O, A, ADMIN = "viewer", "operator", "approver", "admin"  # noqa: E741 - columns of a table
TABLE: dict[Permission, set[str]] = {
    "read": {V, O, A, ADMIN},
    "run.launch": {O, ADMIN},
    "run.command": {O, ADMIN},
    "tool.call": {O, ADMIN},
    "approval.decide": {A, ADMIN},
    "audit.read": {A, ADMIN},
    "audit.checkpoint": {ADMIN},
    "resource.apply": {ADMIN},
    "key.manage": {ADMIN},
    "server.drain": {ADMIN},
}


def scope_with(*roles: str, kind: str = "user") -> Scope:
    return Scope("acme", Actor("key:k", kind, "Ada", frozenset(roles)))  # type: ignore[arg-type]


def test_the_table_names_every_permission_and_every_role() -> None:
    assert set(TABLE) == set(get_args(Permission))
    assert set(ROLES) == {*ROLE_NAMES, "system"}


@pytest.mark.parametrize("role", ROLE_NAMES)
@pytest.mark.parametrize("permission", TABLE)
def test_a_role_may_do_what_the_table_says_and_nothing_else(role: str, permission: Permission) -> None:
    if role in TABLE[permission]:
        require(scope_with(role), permission)
        return
    with pytest.raises(NotPermitted, match=permission) as caught:
        require(scope_with(role), permission)
    assert set(caught.value.extra["roles"]) == TABLE[permission]  # type: ignore[call-overload]
    assert all(able in caught.value.way_out for able in TABLE[permission])


@pytest.mark.parametrize("permission", TABLE)
def test_nobody_may_do_anything_without_a_known_role(permission: Permission) -> None:
    for scope in (scope_with(), scope_with("root", "Admin", ""), scope_with(kind="agent")):
        with pytest.raises(NotPermitted):
            require(scope, permission)


def test_roles_add_up() -> None:
    assert permissions_of(scope_with(O, A)) == permissions_of(scope_with(O)) | permissions_of(scope_with(A))
    assert permissions_of(scope_with(ADMIN)) == set(TABLE) == permissions_of(system_scope("acme"))
