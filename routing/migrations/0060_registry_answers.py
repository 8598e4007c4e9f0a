"""How registries answer the facade, by hour and by day, and what they say of limits."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0059_badges'),
    ]

    operations = [
        migrations.CreateModel(
            name='RegistryLimit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('left', models.PositiveIntegerField(default=0)),
                ('number', models.PositiveIntegerField(default=0)),
                ('seconds', models.PositiveIntegerField(default=0)),
                ('seen_at', models.DateTimeField(blank=True, null=True)),
                ('refused_at', models.DateTimeField(blank=True, null=True)),
                ('wait_seconds', models.PositiveIntegerField(blank=True, null=True)),
                ('registry', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='limit', to='routing.registry')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='AnswerCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('grain', models.CharField(choices=[('hour', 'Hour'), ('day', 'Day')], max_length=4)),
                ('at', models.DateTimeField()),
                ('asked', models.PositiveIntegerField(default=0)),
                ('troubled', models.PositiveIntegerField(default=0)),
                ('milliseconds', models.PositiveBigIntegerField(default=0)),
                ('slowest', models.PositiveIntegerField(default=0)),
                ('trouble', models.CharField(blank=True, max_length=300)),
                ('registry', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='answer_counts', to='routing.registry')),
            ],
            options={
                'indexes': [models.Index(fields=['grain', 'at'], name='answer_count_old')],
                'constraints': [models.UniqueConstraint(fields=('registry', 'grain', 'at'), name='answer_count_unique')],
            },
        ),
    ]
