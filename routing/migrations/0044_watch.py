"""After a switch the former target goes on being compared for some time."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0043_servers'),
    ]

    operations = [
        migrations.CreateModel(
            name='Watch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveBigIntegerField(db_default=1, default=1, editable=False)),
                ('upstream_prefix', models.CharField(blank=True, max_length=255)),
                ('until', models.DateTimeField()),
                ('next_at', models.DateTimeField()),
                ('baseline', models.JSONField(blank=True, default=dict)),
                ('state', models.CharField(choices=[('waiting', 'not compared yet'), ('same', 'nothing drifted'), ('drift', 'drifted')], default='waiting', max_length=10)),
                ('compared', models.PositiveIntegerField(default=0)),
                ('counts', models.JSONField(blank=True, default=dict)),
                ('drift', models.JSONField(blank=True, default=list)),
                ('compared_at', models.DateTimeField(blank=True, null=True)),
                ('since', models.DateTimeField(blank=True, null=True)),
                ('trouble', models.CharField(blank=True, max_length=500)),
                ('mapping', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='watch', to='routing.mapping')),
                ('registry', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='watches', to='routing.registry')),
            ],
            options={
                'verbose_name_plural': 'watches',
                'ordering': ['pk'],
                'indexes': [models.Index(fields=['next_at'], name='watch_next_at')],
            },
        ),
    ]
