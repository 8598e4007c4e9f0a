"""What the templates of every page may ask."""

from django.conf import settings
from django.http import HttpRequest

from routing.accounts.mail import sends_mail
from routing.request_id import current_request_id


def accounts(request: HttpRequest) -> dict[str, object]:
    """Whether there is mail, the identity provider's name ("" where there is none), and the request's id."""
    apps = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"].get("APPS", [])
    return {
        "mail_is_sent": sends_mail(),
        "provider_name": apps[0]["name"] if apps else "",
        "request_id": current_request_id(),
    }
