"""A scheduled set may say why it is not verified at its time."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0050_returned_sets'),
    ]

    operations = [
        migrations.AddField(
            model_name='changeset',
            name='skip_verification',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=1000),
        ),
    ]
