"""Renames: the registry's implicit namespace, and the delivery that only redirects."""

from django.db import migrations, models

NAME_PATTERN = (
    r"^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\Z"
)


def rename_delivery(apps, schema_editor):
    for model in ("Mapping", "HistoricalMapping"):
        apps.get_model("routing", model).objects.filter(delivery="redirect").update(delivery="redirect-only")


def restore_delivery(apps, schema_editor):
    for model in ("Mapping", "HistoricalMapping"):
        apps.get_model("routing", model).objects.filter(delivery="redirect-only").update(delivery="redirect")


_NAMESPACE_HELP = (
    "The namespace of repositories whose name has one component: library for Docker Hub, where alpine is "
    "library/alpine. Empty: none."
)
_DELIVERIES = [
    ("auto", "automatic: redirect the clients that can follow, relay for the others"),
    ("redirect-only", "redirect only: a redirect for every client, no relay"),
]


class Migration(migrations.Migration):
    dependencies = [("routing", "0009_api_tokens")]

    operations = [
        migrations.RemoveConstraint(model_name="registry", name="registry_single_component_prefix_is_name"),
        *(
            operation
            for model in ("registry", "historicalregistry")
            for operation in (
                migrations.RenameField(model, "single_component_prefix", "implicit_namespace"),
                migrations.AlterField(
                    model,
                    "implicit_namespace",
                    models.CharField(blank=True, help_text=_NAMESPACE_HELP, max_length=100),
                ),
            )
        ),
        *(
            migrations.AlterField(
                model, "delivery", models.CharField(choices=_DELIVERIES, default="auto", max_length=20)
            )
            for model in ("mapping", "historicalmapping")
        ),
        migrations.AddConstraint(
            "registry",
            models.CheckConstraint(
                condition=models.Q(implicit_namespace="") | models.Q(implicit_namespace__regex=NAME_PATTERN),
                name="registry_implicit_namespace_is_name",
                violation_error_message="This is no prefix of a repository name.",
            ),
        ),
        # Last: PostgreSQL alters no table while rows that this transaction changed wait for their checks.
        migrations.RunPython(rename_delivery, restore_delivery),
    ]
