"""Mappings are repointed step by step, by change sets that are under way."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0048_recheck_reports'),
    ]

    operations = [
        migrations.AddField(
            model_name='changeset',
            name='gate',
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='changeset',
            name='looked',
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='changeset',
            name='looked_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='changeset',
            name='next_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='changeset',
            name='pause_seconds',
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name='changeset',
            name='step',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name='changeset',
            name='stepped_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='changeset',
            name='steps',
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='changeset',
            name='vouched',
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name='historicalmapping',
            name='step',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=300),
        ),
        migrations.AddField(
            model_name='historicalmapping',
            name='stepped_by',
            field=models.BigIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='mapping',
            name='step',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=300),
        ),
        migrations.AddField(
            model_name='mapping',
            name='stepped_by',
            field=models.BigIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='changeset',
            name='state',
            field=models.CharField(choices=[('draft', 'draft'), ('approved', 'approved'), ('scheduled', 'scheduled'), ('in steps', 'in steps'), ('applied', 'applied'), ('undone', 'undone'), ('discarded', 'discarded')], default='draft', editable=False, max_length=10),
        ),
        migrations.AddIndex(
            model_name='mapping',
            index=models.Index(condition=models.Q(('stepped_by__isnull', False)), fields=['stepped_by'], name='mapping_stepped'),
        ),
    ]
