import django.db.models.deletion
from django.db import migrations, models

_NUMBERS = ("tags", "digests", "looks", "redirected", "remembered", "relayed", "refused", "failed")


def counted(*own):
    """The columns of a table of counts."""
    return [
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        ("grain", models.CharField(choices=[("hour", "Hour"), ("day", "Day")], max_length=4)),
        ("at", models.DateTimeField()),
        ("key", models.CharField(max_length=32)),
        ("hostname", models.CharField(max_length=255)),
        *own,
        (
            "tenant",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="routing.tenant",
            ),
        ),
    ]


def named(name, length):
    return (name, models.CharField(blank=True, max_length=length))


def number(name):
    return (name, models.PositiveBigIntegerField(default=0))


class Migration(migrations.Migration):
    dependencies = [("routing", "0033_verifications")]

    operations = [
        migrations.CreateModel(
            name="PullCount",
            fields=counted(
                named("mapping", 255),
                named("repository", 255),
                named("client", 40),
                named("major", 4),
                named("platform", 40),
                named("target", 300),
                *map(number, _NUMBERS),
            ),
            options={
                "indexes": [
                    models.Index(fields=["grain", "hostname", "at"], name="pull_count_hostname"),
                    models.Index(fields=["grain", "tenant", "at"], name="pull_count_tenant"),
                ],
                "constraints": [models.UniqueConstraint(fields=("grain", "at", "key"), name="pull_count_unique")],
            },
        ),
        migrations.CreateModel(
            name="ReferenceCount",
            fields=counted(named("repository", 255), named("reference", 255), number("requests")),
            options={
                "indexes": [
                    models.Index(fields=["grain", "hostname", "at"], name="reference_count_hostname"),
                    models.Index(fields=["grain", "tenant", "at"], name="reference_count_tenant"),
                ],
                "constraints": [models.UniqueConstraint(fields=("grain", "at", "key"), name="reference_count_unique")],
            },
        ),
        migrations.CreateModel(
            name="OrphanCount",
            fields=counted(named("repository", 255), number("requests")),
            options={
                "indexes": [models.Index(fields=["grain", "hostname", "at"], name="orphan_count_hostname")],
                "constraints": [models.UniqueConstraint(fields=("grain", "at", "key"), name="orphan_count_unique")],
            },
        ),
    ]
