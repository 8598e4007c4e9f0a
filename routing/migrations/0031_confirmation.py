"""Up to which generation somebody vouches for the routing table."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0030_former_target'),
    ]

    operations = [
        migrations.CreateModel(
            name='Confirmation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('generation', models.BigIntegerField()),
                ('at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='confirmation_is_one_row')],
            },
        ),
    ]
