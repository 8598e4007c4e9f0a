"""Accounts of an identity provider belong to its issuer: those that don't say which get the one that is configured now.

The key itself (`SocialAccount.provider`) is changed at their next sign-in, so that the release before, which looks for
the old one, goes on meanwhile.
"""

from django.conf import settings
from django.db import migrations


def note_issuer(apps, schema_editor):
    issuer = settings.FACADE_OIDC_ISSUER
    if not issuer:
        return
    accounts = apps.get_model("socialaccount", "SocialAccount").objects
    for account in accounts.exclude(provider__contains=":").iterator():
        said = account.extra_data if isinstance(account.extra_data, dict) else {}
        token = said.get("id_token") if isinstance(said.get("id_token"), dict) else {}
        if not isinstance(token.get("iss"), str):
            account.extra_data = said | {"id_token": token | {"iss": issuer}}
            account.save(update_fields=["extra_data"])


class Migration(migrations.Migration):
    dependencies = [
        ("routing", "0015_provider_words"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
    ]

    operations = [migrations.RunPython(note_issuer, migrations.RunPython.noop)]
