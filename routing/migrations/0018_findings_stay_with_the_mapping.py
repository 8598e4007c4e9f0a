"""What was found at a repository moves from its registry, which others may share, to the mapping that it was found for."""

import re

from django.db import migrations, models

CHOICES = [("unknown", "not known yet"), ("redirect", "by redirect"), ("inline", "itself")]
# The grammar as it was when this was written.
COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAME = re.compile(rf"{COMPONENT}(?:/{COMPONENT})*")


def move(apps, schema_editor):
    """A tenant's own registry was asked by that tenant alone. What a shared one has may come from anybody: it goes."""
    mappings = apps.get_model("routing", "Mapping").objects
    for mapping in mappings.exclude(probed_repository="").select_related("registry").iterator():
        if NAME.fullmatch(mapping.probed_repository) is None:
            mapping.probed_repository, mapping.public, mapping.challenge = "", "unknown", ""
            mapping.probed_at, mapping.probe_error = None, ""
            mapping.save(update_fields=["probed_repository", "public", "challenge", "probed_at", "probe_error"])
        elif mapping.registry.tenant_id is not None:
            mapping.blob_delivery = mapping.registry.blob_delivery
            mapping.blob_origins = mapping.registry.blob_origins
            mapping.save(update_fields=["blob_delivery", "blob_origins"])


def blob_delivery():
    return models.CharField(choices=CHOICES, db_default="unknown", default="unknown", editable=False, max_length=10)


def blob_origins():
    return models.CharField(blank=True, db_default="", default="", editable=False, max_length=500)


class Migration(migrations.Migration):
    dependencies = [("routing", "0017_names_that_people_read")]
    operations = [
        *(
            migrations.AddField(model, name, field())
            for model in ("mapping", "historicalmapping")
            for name, field in (("blob_delivery", blob_delivery), ("blob_origins", blob_origins))
        ),
        migrations.RunPython(move, migrations.RunPython.noop),
    ]
