"""Change and Generation: the log from which every worker follows the tables."""

import secrets

from django.db import models


class Generation(models.Model):
    """One row: the number of the newest change. Taking its lock puts the writers in line."""

    value = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="generation_is_one_row")]

    def __str__(self) -> str:
        return str(self.value)


def random_nonce() -> int:
    """What no other change has, in any history of the database."""
    return secrets.randbits(63)


class Change(models.Model):
    """One entry of the routing table as it is from this generation on. Written in the change's own transaction.

    `nonce` tells it from another change of the same generation: a database that was put back counts on from there.
    """

    generation = models.BigIntegerField(primary_key=True)
    # The release before writes none.
    nonce = models.BigIntegerField(default=random_nonce, db_default=0)
    kind = models.CharField(max_length=10)
    key = models.CharField(max_length=600)
    # Null once the thing is gone.
    entry = models.JSONField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["generation"]

    def __str__(self) -> str:
        return f"{self.generation}: {self.kind} {self.key}"
