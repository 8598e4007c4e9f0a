"""Encryption under the server's key: one derivation, and a key of its own for each use.

What is encrypted for one use doesn't open in another. SECRET_KEY_FALLBACKS still open what they encrypted.
"""

import base64
from functools import cache

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.signals import setting_changed
from django.utils.encoding import force_bytes

SEALED_TOKENS = "registry-facade sealed token v1"
SECOND_FACTORS = "registry-facade second factors v1"


@cache
def keys_for(use: str) -> MultiFernet:
    """Encrypts and authenticates (AES-128-CBC with HMAC-SHA256) under SECRET_KEY; opens with its fallbacks too."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(_derived(secret, use)) for secret in secrets])


def _derived(secret: str | bytes, use: str) -> bytes:
    # HKDF (RFC 5869).
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=use.encode())
    return base64.urlsafe_b64encode(kdf.derive(force_bytes(secret)))


setting_changed.connect(lambda **_: keys_for.cache_clear(), weak=False)
