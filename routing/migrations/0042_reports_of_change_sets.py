"""A report can be a change set's."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0041_history_links'),
    ]

    operations = [
        migrations.AddField(
            model_name='verification',
            name='change_set',
            field=models.BigIntegerField(blank=True, db_index=True, editable=False, null=True),
        ),
    ]
