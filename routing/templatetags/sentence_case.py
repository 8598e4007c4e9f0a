"""django-allauth's headings and buttons, which it writes In Title Case, as all others here are written."""

from django import template

register = template.Library()

_OTHERWISE = {
    "Add Email": "Add address",
    "Add Email Address": "Add an e-mail address",
    "Bad Token": "This link is no longer good",
    "Confirm Email Address": "Confirm this e-mail address",
    "Email Address": "E-mail address",
    "Email Addresses": "E-mail addresses",
    "Login Cancelled": "Sign-in cancelled",
    "Re-send Verification": "Send the link again",
    "Signup": "Sign up",
    "Verify Your Email Address": "Verify your e-mail address",
}
_AS_A_SENTENCE = (
    "Account Inactive",
    "Activate Authenticator App",
    "Add Security Key",
    "Authenticator App",
    "Change Password",
    "Confirm Access",
    "Deactivate Authenticator App",
    "Edit Security Key",
    "Make Primary",
    "Password Reset",
    "Recovery Codes",
    "Remove Security Key",
    "Reset My Password",
    "Security Keys",
    "Set Password",
    "Sign In",
    "Sign Out",
    "Sign Up",
    "Two-Factor Authentication",
)
_WORDS = _OTHERWISE | {words: words.capitalize() for words in _AS_A_SENTENCE}


@register.filter
def as_a_sentence(html: str) -> str:
    """The words as a sentence begins them, where they are django-allauth's; anything else as it is."""
    return _WORDS.get(html.strip(), html)
