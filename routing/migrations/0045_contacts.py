"""What the machines of those who pull contact has a history."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0044_watch'),
    ]

    operations = [
        migrations.CreateModel(
            name='ContactSighting',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(max_length=253)),
                ('port', models.PositiveIntegerField()),
                ('purpose', models.CharField(max_length=10)),
                ('first_seen_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
                ('hostname', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sightings', to='routing.hostname')),
            ],
            options={
                'ordering': ['-first_seen_at', '-pk'],
                'constraints': [models.UniqueConstraint(fields=('hostname', 'host', 'port', 'purpose'), name='contact_sighting_unique')],
            },
        ),
    ]
