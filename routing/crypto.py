"""Encryption under the server's key: one derivation, and a key of its own for each use.

What is encrypted for one use doesn't open in another. SECRET_KEY_FALLBACKS still open what they encrypted. A key is
told apart from others by its id, which is short and says nothing of the key.
"""

import base64
import hmac
from collections.abc import Sequence
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.signals import setting_changed
from django.utils.encoding import force_bytes

SEALED_TOKENS = "registry-facade sealed token v1"
SECOND_FACTORS = "registry-facade second factors v1"
API_TOKENS = "registry-facade API tokens v1"
LETTERS = "registry-facade letters v1"
WEBHOOKS = "registry-facade webhooks v1"
PULL_ACCOUNTS = "registry-facade pull accounts v1"
SHARED_REPORTS = "registry-facade shared reports v1"
_KEY_IDS = "registry-facade key ids v1"
_KEY_ID_LENGTH = 8
ECHO_QUESTIONS = "registry-facade echo questions v1"
ECHO_ANSWERS = "registry-facade echo answers v1"


@cache
def keys_for(use: str) -> MultiFernet:
    """Encrypts and authenticates (AES-128-CBC with HMAC-SHA256) under SECRET_KEY; opens with its fallbacks too."""
    return MultiFernet([Fernet(_derived(secret, use)) for secret in secret_keys()])


def secret_keys() -> list[str]:
    """SECRET_KEY, then those that only open and verify what they once encrypted and signed."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def key_id(secret: str) -> str:
    """The short name of a key, by which people tell keys apart: 8 hexadecimal digits."""
    return hmac.digest(_derived(secret, _KEY_IDS), b"id", "sha256").hex()[:_KEY_ID_LENGTH]


def key_id_of(use: str, sealed: str, others: Sequence[str] = ()) -> str | None:
    """The id of the key under which a text was encrypted: one of this server's, or of `others`. None: of neither."""
    for secret in (*secret_keys(), *others):
        try:
            Fernet(_derived(secret, use)).decrypt(sealed.encode())
        except InvalidToken:
            continue
        return key_id(secret)
    return None


def resealed(use: str, sealed: str, others: Sequence[str] = ()) -> str:
    """The same text, encrypted under SECRET_KEY as it is now. `others` open it as well as this server's own keys.

    Raises cryptography.fernet.InvalidToken where none does.
    """
    keys = MultiFernet([Fernet(_derived(secret, use)) for secret in (*secret_keys(), *others)])
    return keys.rotate(sealed.encode()).decode()


def signature(use: str, text: str, length: int) -> str:
    """So many characters that nobody can make for a text who doesn't have SECRET_KEY (HMAC-SHA256)."""
    return _signature(settings.SECRET_KEY, use, text)[:length]


def is_signature(use: str, text: str, given: str) -> bool:
    """Whether that is one; what SECRET_KEY_FALLBACKS made counts, too."""
    return any(hmac.compare_digest(_signature(secret, use, text)[: len(given)], given) for secret in secret_keys())


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
