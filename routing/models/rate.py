"""Rate: how often something was done lately, by whom it is counted."""

from django.db import models


class Rate(models.Model):
    """One count since one moment. It starts anew when its time is over."""

    name = models.CharField(max_length=200, primary_key=True)
    began_at = models.DateTimeField()
    spent = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["began_at"], name="rate_began_at")]

    def __str__(self) -> str:
        return f"{self.name}: {self.spent}"
