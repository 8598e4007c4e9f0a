"""Encryption under the server's key: one derivation, and a key of its own for each use.

What is encrypted for one use doesn't open in another. SECRET_KEY_FALLBACKS still open what they encrypted.
"""

import base64
import hmac
from functools import cache

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.signals import setting_changed
from django.utils.encoding import force_bytes

SEALED_TOKENS = "registry-facade sealed token v1"
SECOND_FACTORS = "registry-facade second factors v1"
API_TOKENS = "registry-facade API tokens v1"
LETTERS = "registry-facade letters v1"


@cache
def keys_for(use: str) -> MultiFernet:
    """Encrypts and authenticates (AES-128-CBC with HMAC-SHA256) under SECRET_KEY; opens with its fallbacks too."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(_derived(secret, use)) for secret in secrets])


def signature(use: str, text: str, length: int) -> str:
    """So many characters that nobody can make for a text who doesn't have SECRET_KEY (HMAC-SHA256)."""
    return _signature(settings.SECRET_KEY, use, text)[:length]


def is_signature(use: str, text: str, given: str) -> bool:
    """Whether that is one; what SECRET_KEY_FALLBACKS made counts, too."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(hmac.compare_digest(_signature(secret, use, text)[: len(given)], given) for secret in secrets)


def _signature(secret: str | bytes, use: str, text: str) -> str:
    made = hmac.digest(_derived(secret, use), text.encode(), "sha256")
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


@cache
def _derived(secret: str | bytes, use: str) -> bytes:
    # HKDF (RFC 5869).
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=use.encode())
    return base64.urlsafe_b64encode(kdf.derive(force_bytes(secret)))


def _forget(**_: object) -> None:
    keys_for.cache_clear()
    _derived.cache_clear()


setting_changed.connect(_forget)
