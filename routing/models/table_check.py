"""TableCheck: what the rows amounted to when they were last looked at as a whole."""

from django.db import models


class TableCheck(models.Model):
    """One row: the digest of the routing table's rows at a state, for every worker to compare its own table with."""

    generation = models.BigIntegerField()
    nonce = models.BigIntegerField(null=True)
    # Digests of another layout, as a neighbouring release may have, can't be compared.
    layout = models.CharField(max_length=16)
    digest = models.CharField(max_length=16)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="table_check_is_one_row")]

    def __str__(self) -> str:
        return f"{self.digest} at {self.generation}"
