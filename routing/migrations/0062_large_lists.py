"""Lists and pages of a large facade read an index, where they read all rows before."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0061_preferences'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='mapping',
            index=models.Index(condition=models.Q(('enabled', False)), fields=['enabled'], name='mapping_off'),
        ),
        migrations.AddIndex(
            model_name='mapping',
            index=models.Index(fields=['registry', 'blob_delivery'], name='mapping_deliveries'),
        ),
        migrations.AddIndex(
            model_name='pullcount',
            index=models.Index(condition=models.Q(('grain', 'day')), fields=['at'], name='pull_count_day'),
        ),
    ]
