"""A mapping may have a standby, and registries are asked whether they answer because of it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0045_contacts'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalmapping',
            name='failed_over_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='historicalmapping',
            name='standby_prefix',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name='historicalmapping',
            name='standby_registry',
            field=models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='routing.registry'),
        ),
        migrations.AddField(
            model_name='historicalmapping',
            name='standby_return_seconds',
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name='mapping',
            name='failed_over_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='mapping',
            name='standby_prefix',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name='mapping',
            name='standby_registry',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='standby_mappings', to='routing.registry'),
        ),
        migrations.AddField(
            model_name='mapping',
            name='standby_return_seconds',
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.CreateModel(
            name='RegistryHealth',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveBigIntegerField(db_default=1, default=1, editable=False)),
                ('next_at', models.DateTimeField(db_index=True)),
                ('asked_at', models.DateTimeField(blank=True, null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('trouble', models.CharField(blank=True, max_length=500)),
                ('answering_since', models.DateTimeField(blank=True, null=True)),
                ('registry', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='health', to='routing.registry')),
            ],
            options={
                'verbose_name_plural': 'health of registries',
                'ordering': ['pk'],
            },
        ),
    ]
