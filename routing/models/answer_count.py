"""Whether registries answered the facade's own questions, in numbers by hour and by day; and what they said of limits.

Counts: nobody changes them, and each answer is added to them.
"""

from django.db import models

from routing.core.pull_counts import Grain


class AnswerCount(models.Model):
    """Of one registry in one hour or day: how often it was asked, and how it answered.

    `asked` are all questions, `troubled` those after which something was wrong, `trouble` what it was the last time.
    `milliseconds` is how long the others took together, `slowest` the longest of them.
    """

    registry = models.ForeignKey("routing.Registry", on_delete=models.CASCADE, related_name="answer_counts")
    grain = models.CharField(max_length=4, choices=[(grain.value, grain.name.capitalize()) for grain in Grain])
    at = models.DateTimeField()
    asked = models.PositiveIntegerField(default=0)
    troubled = models.PositiveIntegerField(default=0)
    milliseconds = models.PositiveBigIntegerField(default=0)
    slowest = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["registry", "grain", "at"], name="answer_count_unique")]
        indexes = [models.Index(fields=["grain", "at"], name="answer_count_old")]

    def __str__(self) -> str:
        return f"{self.registry_id}, {self.at:%Y-%m-%d %H:%M}"


class RegistryLimit(models.Model):
    """What a registry last said of how often it may be asked: with an answer (`seen_at`), and by refusing one.

    `left` of `number` in `seconds`; these are 0 where it didn't say. After a 429 at `refused_at` it wants nothing for
    `wait_seconds`; None where it didn't say for how long.
    """

    registry = models.OneToOneField("routing.Registry", on_delete=models.CASCADE, related_name="limit")
    left = models.PositiveIntegerField(default=0)
    number = models.PositiveIntegerField(default=0)
    seconds = models.PositiveIntegerField(default=0)
    seen_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True)
    wait_seconds = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.registry_id}: {self.left}"
