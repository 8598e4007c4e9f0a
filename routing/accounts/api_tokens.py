"""The page of one's own API tokens: make one, see its secret once, revoke it."""

from http import HTTPStatus
from typing import Any

from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from routing.accounts.second_factor import lacks_second_factor
from routing.models import ApiToken, Tenant
from routing.models.api_token import MAX_TOKEN_NAME_LENGTH
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.people.api_tokens import MAX_DAYS, create_api_token, revoke_api_token


class TokenForm(forms.Form):
    """A new token."""

    name = forms.CharField(max_length=MAX_TOKEN_NAME_LENGTH, help_text="What it is for, such as “deploy pipeline”.")
    tenant = forms.ModelChoiceField(Tenant.objects.none(), required=False, empty_label="all my tenants", label="Scope")
    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_DAYS,
        initial=90,
        label="Days until it expires",
        help_text="Leave empty for a token that does not expire.",
    )
    read_only = forms.BooleanField(required=False, label="Read-only")

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tenants = self.fields["tenant"]
        assert isinstance(tenants, forms.ModelChoiceField)
        tenants.queryset = Tenant.objects.viewable_by(actor)


@never_cache
@login_required
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator]  # django-allauth has no types
@require_http_methods(["GET", "HEAD", "POST"])
def api_tokens(request: HttpRequest) -> HttpResponse:
    """The list, and the form for a new one. A new one's secret is in this answer, and nowhere else."""
    actor = Actor.person(request.user)
    if lacks_second_factor(request.user):
        messages.warning(request, "Your role needs two-factor authentication. Set it up here, then create tokens.")
        return HttpResponseRedirect(reverse("mfa_index"))
    form = TokenForm(actor, request.POST if request.method == "POST" else None)
    made = None
    if form.is_valid():
        given = form.cleaned_data
        tenant = given.pop("tenant")
        try:
            made = create_api_token(actor, user=request.user, tenant_id=tenant and tenant.pk, **given)
        except ServiceError as refusal:
            for name, said in (refusal.fields or {"": [refusal.message]}).items():
                form.add_error(name if name in form.fields else None, said)
        else:
            form = TokenForm(actor)
    own = ApiToken.objects.filter(user=actor.user.pk).select_related("tenant")
    context = {"form": form, "made": made, "tokens": own}
    refused = request.method == "POST" and made is None
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "routing/accounts/api_tokens.html", context, status=status)


@login_required
@require_POST
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """End a token."""
    try:
        revoke_api_token(Actor.person(request.user), token_id=token_id)
    except ServiceError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "The token is revoked.")
    return HttpResponseRedirect(reverse("api_tokens"))
