"""Hostnames are tested as clients meet them, and the reports are kept."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0057_saved_filters'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalhostname',
            name='self_test_schedule',
            field=models.CharField(choices=[('off', 'not by itself'), ('daily', 'once a day'), ('hourly', 'once an hour')], db_default='off', default='off', help_text='How often it is tested as docker, containerd, podman and Helm pull from it.', max_length=10, verbose_name='self-test'),
        ),
        migrations.AddField(
            model_name='hostname',
            name='self_test_schedule',
            field=models.CharField(choices=[('off', 'not by itself'), ('daily', 'once a day'), ('hourly', 'once an hour')], db_default='off', default='off', help_text='How often it is tested as docker, containerd, podman and Helm pull from it.', max_length=10, verbose_name='self-test'),
        ),
        migrations.CreateModel(
            name='SelfTest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveBigIntegerField(db_default=1, default=1, editable=False)),
                ('at', models.DateTimeField()),
                ('passed', models.BooleanField()),
                ('is_scheduled', models.BooleanField(help_text='Whether the regular work did it, and not somebody who asked for it.')),
                ('steps', models.JSONField(blank=True, default=list)),
                ('share_nonce', models.CharField(blank=True, default='', editable=False, max_length=32)),
                ('hostname', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='self_tests', to='routing.hostname')),
            ],
            options={
                'ordering': ['-at', '-pk'],
                'indexes': [models.Index(fields=['hostname', '-at'], name='self_test_hostname_at')],
            },
        ),
    ]
