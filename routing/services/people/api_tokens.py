"""The verbs of API tokens: make one, revoke it, and find out who comes with one.

A token is 256 random bits, so a plain hash keeps it: nobody can try them out.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from routing.crypto import API_TOKENS, is_signature, signature
from routing.database.postgresql import is_standby
from routing.models import ApiToken, Tenant
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import unit_of_work

MAX_TOKENS_A_PERSON = 100
MAX_DAYS = 3650
# By which people, and programs that look for leaked secrets, know what it is.
_START = "facade_"
# 48 bits: by them a token that was made up is refused without a look-up, where many such come.
_SIGNATURE_LENGTH = 8


class MadeToken(NamedTuple):
    """A token, and its secret, which is told only now."""

    token: ApiToken
    secret: str


def create_api_token(
    actor: Actor,
    reason: str = "",
    *,
    user: Any,
    name: str,
    tenant_id: int | None = None,
    read_only: bool = False,
    days: int | None = None,
) -> MadeToken:
    """Make a token that acts as `user`: oneself, or anybody from the command line.

    Raises ServiceError, NotFound, PermissionDenied.

    `days`: after so many it expires; None: never. Whether the person needs a second factor first, the door asks.
    """
    if actor.is_token:
        raise PermissionDenied("API tokens can't create tokens")
    if actor.user is not None and (not actor.user.is_active or actor.user.pk != user.pk):
        raise PermissionDenied("everybody makes their own tokens")
    if days is not None and not 0 < days <= MAX_DAYS:
        raise ServiceError.for_field("days", f"Give a number of days from 1 to {MAX_DAYS}, or none.")
    with unit_of_work(actor, reason) as unit:
        tenant = None
        if tenant_id is not None:
            tenant = Tenant.objects.viewable_by(Actor.person(user)).filter(pk=tenant_id).first()
            if tenant is None:
                raise NotFound("there is no such tenant, or it isn't theirs")
        if ApiToken.objects.filter(user=user).count() >= MAX_TOKENS_A_PERSON:
            said = f"you can have at most {MAX_TOKENS_A_PERSON} tokens: revoke some first"
            raise ServiceError(said, code=Code.QUOTA_EXCEEDED)
        secret = _new_secret()
        expires_at = None if days is None else timezone.now() + timedelta(days=days)
        token = ApiToken(
            user=user,
            name=name.strip(),
            token_hash=token_digest(secret),
            tenant=tenant,
            read_only=read_only,
            expires_at=expires_at,
        )
        unit.add(token)
        unit.event("api_token.created", api_token_id=token.pk, user_id=user.pk, tenant_id=tenant_id)
    return MadeToken(token, secret)


def revoke_api_token(actor: Actor, reason: str = "", *, token_id: int) -> None:
    """End a token of one's own; operators of the platform end anybody's. Raises NotFound, PermissionDenied."""
    if actor.is_token:
        raise PermissionDenied("an API token ends no token")
    tokens = ApiToken.objects.all()
    if not actor.is_operator:
        tokens = tokens.filter(user=actor.user) if actor.user is not None and actor.user.is_active else tokens.none()
    with unit_of_work(actor, reason) as unit:
        token = get_row(tokens, token_id)
        unit.delete(token)
        unit.event("api_token.revoked", api_token_id=token_id, user_id=token.user_id)


def revoke_every_api_token(actor: Actor, reason: str = "", *, user: Any) -> int:
    """End all tokens of a person, who has lost the way into their account or whose password was set anew; their number.

    By themselves or an operator of the platform. Raises PermissionDenied.
    """
    if actor.is_token or not (actor.is_operator or (actor.user is not None and actor.user.pk == user.pk)):
        raise PermissionDenied("everybody ends their own tokens")
    with unit_of_work(actor, reason) as unit:
        tokens = ApiToken.objects.filter(user=user)
        ids = list(tokens.values_list("pk", flat=True))
        unit.delete_all(tokens)
        for token_id in ids:
            unit.event("api_token.revoked", api_token_id=token_id, user_id=user.pk)
    return len(ids)


def actor_of_token(secret: str) -> tuple[Actor, ApiToken]:
    """Who comes with this secret. Raises NotFound, in the same words for whatever is wrong with it."""
    found = ApiToken.objects.select_related("user", "tenant").filter(token_hash=token_digest(secret)).first()
    if found is None or found.is_expired or not found.user.is_active:
        raise NotFound("this API token is unknown, revoked or expired", code=Code.TOKEN_INVALID)
    today = timezone.now().date()
    if found.last_used_on != today and not is_standby():
        # A write a day rather than one a request.
        ApiToken.objects.filter(pk=found.pk).update(last_used_on=today)
    return Actor.token(found.user, found.name, found.tenant_id, found.read_only), found


def is_of_our_making(secret: str) -> bool:
    """Whether it has the form that only this facade gives tokens; of those of earlier releases it isn't known."""
    text, given = secret[:-_SIGNATURE_LENGTH], secret[-_SIGNATURE_LENGTH:]
    return secret.isascii() and text.startswith(_START) and is_signature(API_TOKENS, text, given)


def _new_secret() -> str:
    text = _START + secrets.token_urlsafe(32)
    return text + signature(API_TOKENS, text, _SIGNATURE_LENGTH)


def token_digest(secret: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(secret.encode()).hexdigest()
