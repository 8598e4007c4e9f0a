"""No user name looks like an e-mail address, and no address is primary that nobody has proved to be theirs."""

from django.db import migrations

LOOKS_LIKE_ADDRESS = ("@", "\ufe6b", "\uff20")
MAX_LENGTH = 150


def rename(apps, schema_editor):
    """alice@acme.com → alice.at.acme.com. Whoever has that address signs in by it as before."""
    users = apps.get_model("auth", "User").objects
    for user in users.order_by("pk").iterator():
        name = user.username
        for sign in LOOKS_LIKE_ADDRESS:
            name = name.replace(sign, ".at.")
        if name == user.username:
            continue
        base, number = name[: MAX_LENGTH - 8], 1
        name = base
        while users.filter(username=name).exists():
            number += 1
            name = f"{base}.{number}"
        print(f"\n    The user name {user.username} is {name} now: tell them, unless they sign in by that address.")
        user.username = name
        user.save(update_fields=["username"])


def unmark(apps, schema_editor):
    apps.get_model("account", "EmailAddress").objects.filter(verified=False, primary=True).update(primary=False)


class Migration(migrations.Migration):
    dependencies = [
        ("routing", "0020_mailed_invitations"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]
    operations = [
        migrations.RunPython(rename, migrations.RunPython.noop),
        migrations.RunPython(unmark, migrations.RunPython.noop),
    ]
