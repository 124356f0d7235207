"""Users: found by login, number or key; their password checked; created and changed."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.lab.erp.database import change, config, one, together
from sandbox.lab.erp.secret import decrypt, encrypt, hash_password, is_password

_TEXTS = ("login", "lastname", "firstname", "email", "job")
_FIELDS = b"""SELECT rowid, entity, login, lastname, firstname, email, job, admin, employee, statut, lang,
  pass_crypted, api_key, datec, tms, datelastlogin, datelastpassvalidation, flagdelsessionsbefore, gender,
  civility, fk_user_creat, fk_user_modif FROM llx_user """


@dataclass(frozen=True)
class Person:
    """A row of llx_user."""

    row: dict[str, object]

    @property
    def id(self) -> int:
        """The row's number."""
        return int(str(self.row["rowid"]))

    @property
    def login(self) -> str:
        """The login name."""
        return str(self.row["login"])

    @property
    def is_admin(self) -> bool:
        """Whether this is an administrator."""
        return bool(self.row["admin"])

    @property
    def is_enabled(self) -> bool:
        """Whether the account is open."""
        return self.row["statut"] == 1

    @property
    def name(self) -> str:
        """First and last name."""
        return " ".join(str(self.row[part]) for part in ("firstname", "lastname") if self.row[part])

    def text(self, field: str) -> str:
        """A column as text, empty when it is NULL."""
        value = self.row[field]
        return "" if value is None else str(value)

    def api_key(self) -> str:
        """The API key in clear."""
        return decrypt(self.text("api_key"), config().instance)


def by_id(number: int) -> Person | None:
    """The user with this number."""
    return _person(one(_FIELDS + b"WHERE rowid = %s", number))


def by_login(login: str) -> Person | None:
    """The user with this login, enabled or not."""
    return _person(one(_FIELDS + b"WHERE login = %s", login))


def by_key(key: str) -> Person | None:
    """The user whose API key this is: in clear, as old versions left it, or encrypted by this instance."""
    sealed = encrypt(key, config().instance)
    found = _person(one(_FIELDS + b"WHERE api_key = %s OR api_key = %s", key, sealed))
    return found if found is not None and found.api_key() == key else None


def knows(person: Person, password: str) -> bool:
    """Check a password against what PHP's password_hash made."""
    return is_password(password, person.text("pass_crypted"))


def email_taken(email: str, *, except_for: int = 0) -> bool:
    """Tell whether another user has this e-mail address."""
    return one(b"SELECT 1 FROM llx_user WHERE email = %s AND rowid <> %s", email, except_for) is not None


def create(given: dict[str, str], author: Person) -> int:
    """Insert an enabled user and return its number."""
    with together():
        row = one(
            b"""INSERT INTO llx_user (entity, login, lastname, firstname, email, job, admin, employee, statut,
                  datec, fk_user_creat)
                VALUES (1, %s, %s, %s, nullif(%s, ''), nullif(%s, ''), %s, %s, 1, now(), %s)
                RETURNING rowid""",
            *(given[name] for name in _TEXTS),
            int(given["admin"] == "1"),
            int(given["employee"] == "1"),
            author.id,
        )
        number = int(row["rowid"]) if row else 0
        _set_secrets(number, given)
    return number


def update(person: Person, given: dict[str, str], author: Person) -> None:
    """Change a user; an empty password or key leaves the old one."""
    with together():
        change(
            b"""UPDATE llx_user SET login = %s, lastname = %s, firstname = %s, email = nullif(%s, ''),
                  job = nullif(%s, ''), fk_user_modif = %s WHERE rowid = %s""",
            *(given[name] for name in _TEXTS),
            author.id,
            person.id,
        )
        if author.is_admin and given["admin"] in ("0", "1"):
            change(b"UPDATE llx_user SET admin = %s WHERE rowid = %s", int(given["admin"]), person.id)
        _set_secrets(person.id, given)


def set_enabled(number: int, *, enabled: bool) -> None:
    """Open or close an account."""
    change(b"UPDATE llx_user SET statut = %s WHERE rowid = %s", int(enabled), number)


def _set_secrets(number: int, given: dict[str, str]) -> None:
    """Store the password and the API key, each unless it is empty."""
    if given["password"]:
        change(
            b"UPDATE llx_user SET pass_crypted = %s, datelastpassvalidation = now() WHERE rowid = %s",
            hash_password(given["password"]),
            number,
        )
    if given["api_key"]:
        sealed = encrypt(given["api_key"], config().instance)
        change(b"UPDATE llx_user SET api_key = %s WHERE rowid = %s", sealed, number)


def _person(row: dict[str, object] | None) -> Person | None:
    return None if row is None else Person(row)
