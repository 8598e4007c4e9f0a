from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0035_change_sets'),
    ]

    operations = [
        migrations.AddField(
            model_name='changeset',
            name='apply_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='changeset',
            name='refusal',
            field=models.CharField(blank=True, default='', editable=False, max_length=1000),
        ),
        migrations.AddField(
            model_name='changeset',
            name='scheduled_by',
            field=models.CharField(blank=True, default='', editable=False, max_length=200),
        ),
        migrations.AddField(
            model_name='changeset',
            name='scheduler_id',
            field=models.BigIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='changeset',
            name='words',
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
    ]
