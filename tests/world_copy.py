"""A world that is as another one is now: quicker than to make it, to refresh it and to save it again."""

from __future__ import annotations

import shutil
from pathlib import Path

from psycopg import sql

from tests.worlds import World

# what a server keeps of a database outside of it
_TAKEN_OVER = (
    """UPDATE pg_database n
    SET datacl = o.datacl, datallowconn = o.datallowconn, datconnlimit = o.datconnlimit
    FROM pg_database o WHERE n.datname = %(to)s AND o.datname = %(of)s""",
    """INSERT INTO pg_db_role_setting SELECT n.oid, s.setrole, s.setconfig
    FROM pg_database n, pg_database o JOIN pg_db_role_setting s ON s.setdatabase = o.oid
    WHERE n.datname = %(to)s AND o.datname = %(of)s""",
    """INSERT INTO pg_shdescription
    SELECT n.oid, d.classoid,
      replace(replace(d.description, %(old_folder)s, %(new_folder)s), %(old)s, %(new)s)
    FROM pg_database n, pg_database o JOIN pg_shdescription d
      ON d.objoid = o.oid AND d.classoid = 'pg_database'::regclass
    WHERE n.datname = %(to)s AND o.datname = %(of)s""",
)


def copied(world: World, folder: Path) -> World:
    """Another world below `folder`, its databases copied by the server; nobody may be connected to them."""
    made = World(world.lab_root, folder)
    names = {"old": world.name, "new": made.name}
    names |= {"old_folder": str(world.folder), "new_folder": str(folder)}
    with world.session("postgres") as session:
        for part in world.databases():
            pair = {"of": world.name + part, "to": made.name + part}
            (owner,) = session.execute(
                "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [pair["of"]]
            ).fetchall()[0]
            words = (sql.Identifier(word) for word in (pair["to"], pair["of"], owner))
            session.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*words))
            for statement in _TAKEN_OVER:
                session.execute(statement.encode(), {**pair, **names})
    shutil.copytree(world.folder, folder, symlinks=True, dirs_exist_ok=True)
    for path in folder.rglob(f"*{world.name}*"):
        path.rename(path.with_name(path.name.replace(world.name, made.name)))
    for path in (*made.state.glob("*.json"), *folder.rglob(".dolibarr-sandbox*")):
        if path.is_file():
            text = path.read_text().replace(str(world.folder), str(folder))
            path.write_text(text.replace(world.name, made.name))
    return made
