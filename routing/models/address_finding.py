"""Where a name leads by its address records, as the last look found: what hostnames and claims have in common."""

from django.db import models

#: Of each family so many addresses are kept.
MAX_ADDRESSES_KEPT = 8


class AddressState(models.TextChoices):
    """What a look at a name's address records found."""

    NOT_CHECKED = "not_checked", "not checked yet"
    HERE = "here", "points to this facade"
    PARTLY = "partly", "points to this facade in part"
    MISSING = "missing", "no address record"
    ELSEWHERE = "elsewhere", "points elsewhere"
    UNKNOWN = "unknown", "not known"


class WithAddress(models.Model):
    """A name that has to lead to this facade. Requests don't depend on what was found."""

    # With the database's defaults too: the previous release goes on adding rows while this one is rolled out.
    address_state = models.CharField(
        max_length=12,
        choices=AddressState.choices,
        default=AddressState.NOT_CHECKED,
        db_default=AddressState.NOT_CHECKED,
        editable=False,
    )
    address_finding = models.CharField(max_length=500, blank=True, default="", db_default="", editable=False)
    # Separated by commas, so many of each family.
    addresses_found = models.CharField(max_length=500, blank=True, default="", db_default="", editable=False)
    address_checked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True
