import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0032_mapping_notice'),
    ]

    operations = [
        migrations.CreateModel(
            name='Verification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveBigIntegerField(db_default=1, default=1, editable=False)),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('running', 'running'), ('done', 'done'), ('stopped', 'stopped'), ('failed', 'given up')], default='waiting', editable=False, max_length=10)),
                ('switches', models.JSONField(default=list, editable=False)),
                ('options', models.JSONField(blank=True, default=dict, editable=False)),
                ('work', models.JSONField(blank=True, editable=False, null=True)),
                ('facts', models.JSONField(blank=True, default=dict, editable=False)),
                ('notes', models.JSONField(blank=True, default=list, editable=False)),
                ('cost', models.JSONField(blank=True, default=dict, editable=False)),
                ('counts', models.JSONField(blank=True, default=dict, editable=False)),
                ('total', models.PositiveIntegerField(default=0, editable=False)),
                ('compared', models.PositiveIntegerField(default=0, editable=False)),
                ('difference_count', models.PositiveIntegerField(default=0, editable=False)),
                ('requests', models.PositiveIntegerField(default=0, editable=False)),
                ('counted_pulls', models.PositiveIntegerField(default=0, editable=False)),
                ('steps', models.PositiveIntegerField(default=0, editable=False)),
                ('troubles', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('trouble', models.CharField(blank=True, editable=False, max_length=500)),
                ('stop_requested', models.BooleanField(default=False, editable=False)),
                ('not_before', models.DateTimeField(blank=True, editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('finished_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('tenant', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='verifications', to='routing.tenant')),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='VerificationDifference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('switch', models.PositiveIntegerField(default=0)),
                ('kind', models.CharField(max_length=30)),
                ('source', models.CharField(max_length=600)),
                ('old_repository', models.CharField(blank=True, max_length=600)),
                ('new_repository', models.CharField(blank=True, max_length=600)),
                ('reference', models.CharField(blank=True, max_length=520)),
                ('detail', models.CharField(blank=True, max_length=1000)),
                ('old_digest', models.CharField(blank=True, max_length=520)),
                ('new_digest', models.CharField(blank=True, max_length=520)),
                ('verification', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='differences', to='routing.verification')),
            ],
            options={
                'ordering': ['pk'],
                'indexes': [models.Index(fields=['verification', 'kind'], name='difference_kind')],
            },
        ),
    ]
