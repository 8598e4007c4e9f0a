"""The addresses below /accounts/: django-allauth's, with what this project does otherwise before them."""

from allauth.account import views as account
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from routing.accounts import api_tokens, invitations, leaving, provider, time_zones
from routing.accounts.confirmation import needed_for_first_password
from routing.accounts.views import email, needs_mail

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="mfa_index"), name="account_home"),
    path("invitation/", invitations.invitation, name="invitation"),
    path("invitation/<str:token>/", invitations.open_link, name="invitation_link"),
    path("api-tokens/", api_tokens.api_tokens, name="api_tokens"),
    path("api-tokens/<int:token_id>/revoke/", api_tokens.revoke, name="api_token_revoke"),
    path("preferences/", time_zones.preferences, name="account_preferences"),
    path("leave/", leaving.leave, name="account_leave"),
    path("leave/export/", leaving.export, name="account_export"),
    path("reauthenticate/provider/", provider.reauthenticate, name="provider_reauthenticate"),
    path("oidc/<str:provider_id>/login/", provider.login, name="openid_connect_login"),
    path("oidc/<str:provider_id>/login/callback/", provider.callback, name="openid_connect_callback"),
    path("password/set/", needed_for_first_password(account.password_set), name="account_set_password"),
    path("password/reset/", needs_mail(account.password_reset), name="account_reset_password"),
    path("email/", needs_mail(email), name="account_email"),
    path("", include("allauth.urls")),
]
