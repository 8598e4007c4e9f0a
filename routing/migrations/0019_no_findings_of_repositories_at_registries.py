from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("routing", "0018_findings_stay_with_the_mapping")]
    operations = [
        migrations.RemoveField(model, name)
        for model in ("registry", "historicalregistry")
        for name in ("blob_delivery", "blob_origins")
    ]
