"""Confirmation: up to which generation somebody, or a verb that knows what it does, vouches for the routing table."""

from django.db import models


class Confirmation(models.Model):
    """One row. A worker that holds an older table, because too much would change at once, goes on by it."""

    generation = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="confirmation_is_one_row")]

    def __str__(self) -> str:
        return str(self.generation)
