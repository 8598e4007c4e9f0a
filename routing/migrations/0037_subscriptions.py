"""Who is told of what happens to a tenant's rows, and what became of each message."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0036_scheduled_change_sets'),
    ]

    operations = [
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveBigIntegerField(db_default=1, default=1, editable=False)),
                ('hostname', models.CharField(blank=True, default='', max_length=253)),
                ('kinds', models.JSONField(default=list)),
                ('channel', models.CharField(choices=[('email', 'mail'), ('webhook', 'webhook')], max_length=10)),
                ('address', models.CharField(max_length=500)),
                ('sealed', models.JSONField(blank=True, default=dict, editable=False)),
                ('enabled', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='subscriptions', to='routing.tenant')),
            ],
            options={
                'ordering': ['tenant__slug', 'channel', 'address'],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'channel', 'address', 'hostname'), name='subscription_unique', violation_error_message='This address is subscribed already: change that subscription.')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('message_id', models.CharField(max_length=40, unique=True)),
                ('kind', models.CharField(max_length=30)),
                ('event', models.CharField(max_length=60)),
                ('body', models.TextField()),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('delivered', 'delivered'), ('failed', 'failed')], default='waiting', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('outcome', models.CharField(blank=True, default='', max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('tried_at', models.DateTimeField(blank=True, null=True)),
                ('subscription', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='routing.subscription')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'ordering': ['-pk'],
            },
        ),
    ]
