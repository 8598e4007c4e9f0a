"""Encryption of what accounts keep in the database: TOTP keys, seeds of recovery codes."""

import base64
from functools import cache

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.signals import setting_changed
from django.utils.encoding import force_bytes


@cache
def _keys() -> MultiFernet:
    return MultiFernet([Fernet(_derived(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _derived(secret: str | bytes) -> bytes:
    # A key of its own: what is encrypted elsewhere under the server's key doesn't open here, nor the reverse.
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"registry-facade second factors v1")
    return base64.urlsafe_b64encode(kdf.derive(force_bytes(secret)))


setting_changed.connect(lambda **_: _keys.cache_clear(), weak=False)


def encrypt(text: str) -> str:
    """The text, encrypted and authenticated under SECRET_KEY."""
    return _keys().encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """The reverse. Raises cryptography.fernet.InvalidToken: forged, or SECRET_KEY was changed without a fallback."""
    return _keys().decrypt(text.encode()).decode()
