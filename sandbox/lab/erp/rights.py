"""Rights: what a user may do, and how Dolibarr grants and takes away."""

from __future__ import annotations

from typing import Any

from sandbox.lab.erp.constants import constants, is_on
from sandbox.lab.erp.database import Row, change, rows
from sandbox.lab.erp.people import Person

_OWN = b"SELECT fk_id FROM llx_user_rights WHERE entity = 1 AND fk_user = %s"
_GROUPS = b"""SELECT DISTINCT r.fk_id FROM llx_usergroup_rights r
  JOIN llx_usergroup_user u ON u.fk_usergroup = r.fk_usergroup AND u.entity = 1
 WHERE r.entity = 1 AND u.fk_user = %s"""
# what an administrator keeps, whoever asks
_KEPT = [*range(251, 257), *range(341, 345), *range(351, 355), 358]


def definitions() -> list[Row]:
    """The rights that the page shows: of modules that are on, the advanced ones only where they are used."""
    found = rows(
        b"""SELECT id, libelle, module, perms, coalesce(subperms, '') AS subperms FROM llx_rights_def
             WHERE entity = 1 AND libelle NOT LIKE 'tou%%' ORDER BY module_position, module, id"""
    )
    return [row for row in found if is_on(row["module"]) and _counts(row)]


def own_rights(number: int) -> set[int]:
    """The numbers of the rights that a user was given by name."""
    return {row["fk_id"] for row in rows(_OWN, number)}


def group_rights(number: int) -> set[int]:
    """The numbers of the rights that a user has from groups."""
    return {row["fk_id"] for row in rows(_GROUPS, number)}


def has(person: Person, *path: str) -> bool:
    """Tell whether a user has the right `module.perms[.subperms]` and its module is on."""
    tree: Any = rights_tree(person)
    for part in path:
        tree = tree.get(part, {}) if isinstance(tree, dict) else {}
    return bool(tree == 1) and is_on(path[0])


def rights_tree(person: Person) -> dict[str, Any]:
    """All rights of a user, groups included, as `/users/info?includepermissions=1` shows them."""
    found = rows(
        b"""SELECT module, perms, coalesce(subperms, '') AS subperms FROM llx_rights_def
             WHERE entity = 1 AND id IN ("""
        + _OWN
        + b" UNION "
        + _GROUPS
        + b") ORDER BY id",
        person.id,
        person.id,
    )
    tree: dict[str, Any] = {}
    for row in filter(_counts, found):
        module = tree.setdefault(row["module"], {})
        if not row["subperms"]:
            module[row["perms"]] = 1
        elif isinstance(module.setdefault(row["perms"], {}), dict):
            module[row["perms"]][row["subperms"]] = 1
    if "propale" in tree:
        tree["propal"] = tree["propale"]  # as Dolibarr shows it, under both names
    return tree


def grant(number: int, right: int, module: str) -> None:
    """Grant one right together with its sibling that reads, or a whole module, or `allmodules`."""
    wanted = _chosen(right, module, with_siblings=_READING_SIBLING)
    for identifier in wanted - own_rights(number):
        change(b"INSERT INTO llx_user_rights (entity, fk_user, fk_id) VALUES (1, %s, %s)", number, identifier)


def revoke(number: int, right: int, module: str, *, admin: bool) -> None:
    """Take away one right; without the one that reads, its siblings go as well."""
    unwanted = _chosen(right, module, with_siblings=_READERS_SIBLINGS)
    change(
        b"DELETE FROM llx_user_rights WHERE entity = 1 AND fk_user = %s AND fk_id = ANY(%s)",
        number,
        sorted(unwanted - set(_KEPT if admin else [])),
    )


_READING_SIBLING = b"""SELECT other.id FROM llx_rights_def one JOIN llx_rights_def other
    ON other.entity = one.entity AND other.module = one.module
   AND CASE WHEN coalesce(one.subperms, '') <> ''
            THEN other.perms = one.perms AND other.subperms IN ('lire', 'read')
            ELSE other.perms IN ('lire', 'read') AND coalesce(other.subperms, '') = '' END
 WHERE one.entity = 1 AND one.id = %s"""
_READERS_SIBLINGS = b"""SELECT other.id FROM llx_rights_def one JOIN llx_rights_def other
    ON other.entity = one.entity AND other.module = one.module
 WHERE one.entity = 1 AND one.id = %s
   AND (one.perms IN ('lire', 'read')
        OR one.subperms IN ('lire', 'read') AND other.perms = one.perms AND other.subperms IS NOT NULL)"""


def _counts(row: Row) -> bool:
    """Advanced rights count, and show, only where they are switched on."""
    advanced = constants().get("MAIN_USE_ADVANCED_PERMS", "0") not in ("", "0")
    return advanced or not row["perms"].endswith("_advance")


def _chosen(right: int, module: str, *, with_siblings: bytes) -> set[int]:
    if right:
        found = rows(b"SELECT id FROM llx_rights_def WHERE entity = 1 AND id = %s", right)
        found += rows(with_siblings, right)
    elif module == "allmodules":
        found = rows(b"SELECT id FROM llx_rights_def WHERE entity = 1")
    else:
        found = rows(b"SELECT id FROM llx_rights_def WHERE entity = 1 AND module = %s", module)
    return {row["id"] for row in found}
