from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0019_no_findings_of_repositories_at_registries")]
    operations = [
        migrations.AddField("invitation", "mailed_at", models.DateTimeField(blank=True, editable=False, null=True)),
    ]
