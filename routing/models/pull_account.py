"""An operator's account at a registry, as the columns of the row that it is for."""

from typing import Any

from django.db import models

#: What a row has of an account where there is none.
NO_ACCOUNT: dict[str, Any] = {"account_user": "", "account_set_at": None, "account_sealed": ""}


class HasAccount(models.Model):
    """A row with an account. The sealed text is written and never shown; a history has the other two columns alone."""

    account_user = models.CharField(max_length=255, blank=True, default="", db_default="", editable=False)
    account_set_at = models.DateTimeField(null=True, blank=True, editable=False)
    # registries/auth/accounts.py
    account_sealed = models.TextField(blank=True, default="", db_default="", editable=False)

    class Meta:
        abstract = True
