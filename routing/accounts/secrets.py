"""Encryption of what accounts keep in the database: TOTP keys, seeds of recovery codes."""

from routing.crypto import SECOND_FACTORS, keys_for


def encrypt(text: str) -> str:
    """The text, encrypted and authenticated under SECRET_KEY."""
    return keys_for(SECOND_FACTORS).encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """The reverse. Raises cryptography.fernet.InvalidToken: forged, or SECRET_KEY was changed without a fallback."""
    return keys_for(SECOND_FACTORS).decrypt(text.encode()).decode()
