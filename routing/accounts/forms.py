"""Forms of the account pages that do more than django-allauth's."""

from typing import Any

from allauth.account.forms import ChangePasswordForm
from allauth.account.forms import LoginForm as AllauthLoginForm
from django import forms

from routing.models import ApiToken
from routing.services.base.actor import Actor
from routing.services.people.api_tokens import revoke_every_api_token


class LoginForm(AllauthLoginForm):  # type: ignore[misc]  # django-allauth has no types
    """Name or address, and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields["login"]
        name.label = "User name or e-mail address"
        name.widget.attrs.pop("placeholder", None)
        # The address is one of two things that may be typed (HTML, "autocomplete": username).
        name.widget.attrs["autocomplete"] = "username"
        name.widget.attrs["autofocus"] = True
        self.fields["password"].widget.attrs.pop("placeholder", None)


class PasswordForm(ChangePasswordForm):  # type: ignore[misc]  # django-allauth has no types
    """A new password, and the end of the API tokens that somebody may have made who knew the old one."""

    end_api_tokens = forms.BooleanField(
        required=False,
        help_text="Choose this if somebody else may know the old password: they could have created tokens with it. "
        "Programs that use your tokens then need new ones.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        count = ApiToken.objects.filter(user=self.user).count()
        if not count:
            del self.fields["end_api_tokens"]
            return
        self.fields["end_api_tokens"].label = f"End my {count} API tokens too" if count > 1 else "End my API token too"

    def save(self) -> None:
        """Change the password, and end what was chosen."""
        super().save()
        if self.cleaned_data.get("end_api_tokens"):
            revoke_every_api_token(Actor.person(self.user), "the password was changed", user=self.user)
