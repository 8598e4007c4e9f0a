"""Servers tell which generation their processes answer from."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0042_reports_of_change_sets'),
    ]

    operations = [
        migrations.CreateModel(
            name='Server',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255, unique=True)),
                ('processes', models.JSONField(default=list)),
                ('at', models.DateTimeField()),
            ],
            options={'ordering': ['name']},
        ),
    ]
