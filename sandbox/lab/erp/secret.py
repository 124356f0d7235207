"""Secrets at rest, byte for byte as Dolibarr keeps them: API keys since version 18, passwords since 7."""

from __future__ import annotations

import base64
import binascii
import hashlib

import bcrypt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_MARK = "dolcrypt:AES-256-CTR:"
_KEY_SIZE = 32
_BCRYPT_READS = 72  # bytes; PHP cuts the rest off in silence, the bcrypt package refuses it
_SEED = hashlib.md5(b"dolibarr", usedforsecurity=False).hexdigest()[:16]


def encrypt(text: str, instance: str) -> str:
    """Encrypt with the instance's unique id; one key always gives one text, so that it can be looked up.

    Dolibarr forces the seed of API keys to the word "dolibarr": its initial vector is a constant.
    """
    if not text or text.startswith("dolcrypt:"):
        return text
    hidden = _cipher(instance, _SEED).encryptor().update(text.encode())
    return f"{_MARK}{_SEED}:{base64.b64encode(hidden).decode()}"


def decrypt(stored: str, instance: str) -> str:
    """Decrypt; what is no encrypted text, or was encrypted by another instance, comes back as it is."""
    if not stored.startswith(_MARK):
        return stored
    seed, _, hidden = stored.removeprefix(_MARK).partition(":")
    try:
        text = _cipher(instance, seed).decryptor().update(base64.b64decode(hidden)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return stored
    return text if text.isprintable() else stored


def hash_password(password: str) -> str:
    """A password as PHP's `password_hash` keeps it: bcrypt, under PHP's own name for it."""
    hashed = bcrypt.hashpw(password.encode()[:_BCRYPT_READS], bcrypt.gensalt(10)).decode()
    return hashed.replace("$2b$", "$2y$", 1)


def is_password(password: str, hashed: str) -> bool:
    """Check a password against what `password_hash` made; False for any other kind of hash."""
    if not hashed.startswith("$2y$"):
        return False
    known = hashed.replace("$2y$", "$2b$", 1)
    return bcrypt.checkpw(password.encode()[:_BCRYPT_READS], known.encode())


def _cipher(instance: str, seed: str) -> Cipher[modes.CTR]:
    # OpenSSL through PHP uses the passphrase's own bytes: cut or filled with zeros, not hashed
    key = instance.encode()[:_KEY_SIZE].ljust(_KEY_SIZE, b"\0")
    return Cipher(algorithms.AES(key), modes.CTR(seed.encode()))
