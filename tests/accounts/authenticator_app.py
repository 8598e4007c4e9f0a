"""An authenticator app. Its clock and the server's stand still: no code goes out of date within a test."""

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

# RFC 6238 §4.2: how many periods of 30 seconds have passed. Which one it is doesn't matter.
PERIOD = 59_000_000


def code(secret: str) -> str:
    """What the app shows now (RFC 6238)."""
    return str(format_hotp_value(hotp_value(secret, PERIOD)))
