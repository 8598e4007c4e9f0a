"""A mapping with a standby goes on being compared with it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0051_skip_verification'),
    ]

    operations = [
        migrations.AddField(
            model_name='watch',
            name='kind',
            field=models.CharField(choices=[('former', 'where it led before'), ('standby', 'its standby')], db_default='former', default='former', max_length=10),
        ),
        migrations.AlterField(
            model_name='watch',
            name='mapping',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='watches', to='routing.mapping'),
        ),
        migrations.AlterField(
            model_name='watch',
            name='until',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='watch',
            constraint=models.UniqueConstraint(fields=('mapping', 'kind'), name='watch_unique'),
        ),
    ]
