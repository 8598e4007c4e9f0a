"""Pulls that failed are looked for every few seconds."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0052_standby_watches'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='pullcount',
            index=models.Index(condition=models.Q(('failed__gt', 0)), fields=['grain', 'at'], name='pull_count_failed'),
        ),
    ]
