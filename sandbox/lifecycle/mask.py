"""Secrets in rows: keys, password hashes and tokens never leave in a report, whatever its form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASKED, MASKED_NEW = "(masked)", "(masked, and another)"
_SHORTEST = 8  # characters of a key that is looked for inside other texts

# columns of any table
_COLUMN = re.compile(
    r"""(^|_)(pass|passwd|password|pwd|pw|passphrase|secret|token\w*|credentials?|salt|otp|totp|pincode
      |api_?key|private_?key|key_?private|session_?id|sess_\w+|cookie|dolibarr_token|access_?code
      |share|key_account|onetimepass\w*)(_|$|\d)|pass_crypted|pass_temp|apikey""",
    re.VERBOSE | re.IGNORECASE,
)
# names of settings: rows of llx_const and tables like it
_SETTING = re.compile(
    r"PASS|PWD|_PW(_|$)|SECRET|TOKEN|KEY|CREDENTIAL|CRYPT|SALT|SMTPS_ID|_LOGIN$|OAUTH|PRIVATE|CERT",
    re.IGNORECASE,
)
_SEALED = re.compile(r"^(dolcrypt:|crypted:|\$2[aby]\$|\$argon2|\$6\$)")


class Mask:
    """Hides what must not be shown.

    Args:
        keys: secrets that are known here, such as the agent's key; they are looked for inside any text.
    """

    def __init__(self, *keys: str | None) -> None:
        self._keys = [key for key in keys if key is not None and len(key) >= _SHORTEST]

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row with its secrets masked; null stays null, which is no secret."""
        setting = "value" in row and _SETTING.search(str(row.get("name") or row.get("param") or ""))
        return {
            name: MASKED
            if value not in (None, "") and (_COLUMN.search(name) or (setting and name == "value"))
            else self._value(value)
            for name, value in row.items()
        }

    def change(
        self, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Both versions of a row, masked; a secret that changed shows that it did."""
        old, new = self.row(before), self.row(after)
        for name, value in new.items():
            if value == MASKED and old.get(name) == MASKED and before.get(name) != after.get(name):
                new[name] = MASKED_NEW
        return old, new

    def text(self, text: str) -> str:
        """A text without the known secrets."""
        for key in self._keys:
            text = text.replace(key, MASKED)
        return text

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return MASKED if _SEALED.search(value) else self.text(value)
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if isinstance(value, dict):
            return self.row(value)
        return value
