"""Whether this facade sends mail."""

from django.conf import settings

_DUMMY = "django.core.mail.backends.dummy.EmailBackend"


def sends_mail() -> bool:
    """Whether EMAIL_URL says how. Without it links that let somebody in are shown once to whoever asked for them."""
    return bool(settings.EMAIL_BACKEND != _DUMMY)
