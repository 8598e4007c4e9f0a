"""Whose word an open invitation is, as far as its text tells."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def name_inviters(apps, schema_editor):
    """`alice`, or `alice (token deploy)`. What the command line made has nobody behind it."""
    users = apps.get_model("auth", "User").objects
    for invitation in apps.get_model("routing", "Invitation").objects.filter(accepted_at=None):
        name = invitation.invited_by.partition(" (token ")[0]
        invitation.inviter = users.filter(username__in=[name, name.replace("@", ".at.")]).first()
        invitation.save(update_fields=["inviter"])


class Migration(migrations.Migration):
    dependencies = [
        ("routing", "0021_names_and_addresses_of_accounts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddField(
            "invitation",
            "inviter",
            models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunPython(name_inviters, migrations.RunPython.noop),
    ]
