"""Preferences: how one person wants pages to be."""

from django.conf import settings
from django.db import models


class Preferences(models.Model):
    """Made when somebody chooses something; without a row, or an empty `time_zone`, it is as the browser says."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preferences")
    time_zone = models.CharField(max_length=64, blank=True)
    hides_first_steps = models.BooleanField(default=False)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return str(self.user)
