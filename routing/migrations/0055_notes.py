"""Notes about hostnames, mappings, registries and tenants."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0054_labels'),
    ]

    operations = [
        migrations.CreateModel(
            name='Note',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField(max_length=2000)),
                ('author_id', models.BigIntegerField(blank=True, editable=False, null=True)),
                ('written_by', models.CharField(editable=False, max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('hostname', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='routing.hostname')),
                ('mapping', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='routing.mapping')),
                ('registry', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='routing.registry')),
                ('tenant', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='routing.tenant')),
            ],
            options={
                'ordering': ['-pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('hostname__isnull', False), ('mapping__isnull', True), ('registry__isnull', True), ('tenant__isnull', True)), models.Q(('hostname__isnull', True), ('mapping__isnull', False), ('registry__isnull', True), ('tenant__isnull', True)), models.Q(('hostname__isnull', True), ('mapping__isnull', True), ('registry__isnull', False), ('tenant__isnull', True)), models.Q(('hostname__isnull', True), ('mapping__isnull', True), ('registry__isnull', True), ('tenant__isnull', False)), _connector='OR'), name='note_is_about_one_row')],
            },
        ),
    ]
