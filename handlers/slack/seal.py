"""Tokens at rest: sealed with a key that the store does not hold."""

import base64
import hashlib
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

_LEAST = 16


class SealError(Exception):
    """The key cannot be used. The message says why and what to do."""


class Seal:
    """Fernet (AES-CBC with HMAC-SHA256) under a key that is derived from `slack.encryption_key`."""

    def __init__(self, key: str) -> None:
        if len(key) < _LEAST:
            raise SealError(f"slack.encryption_key is shorter than {_LEAST} characters: take a long random one")
        self._fernet = Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"migcheck.seal:" + key.encode()).digest()))

    def close(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str | None:
        """What was sealed; None where it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None


def key_beside(path: Path) -> str:
    """The key in a file of its own beside the store, made when it is first needed. Raises SealError."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return _make(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SealError(f"the key file {path} cannot be read ({type(error).__name__})") from None


def _make(path: Path) -> str:
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(key + "\n")
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SealError(f"the key file {path} cannot be made ({error.strerror}): set slack.encryption_key") from None
    return key
