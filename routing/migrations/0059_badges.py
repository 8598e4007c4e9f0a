"""A hostname has badges, where its tenant wants that."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0058_self_tests'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalhostname',
            name='badge_repositories',
            field=models.BooleanField(db_default=False, default=False, help_text='Tell everybody how often each listed repository is pulled, and its newest version, as badges.', verbose_name='badges of listed repositories'),
        ),
        migrations.AddField(
            model_name='historicalhostname',
            name='badge_self_test',
            field=models.BooleanField(db_default=False, default=False, help_text='Tell everybody whether the last self-test passed, as a badge.', verbose_name='badge of the self-test'),
        ),
        migrations.AddField(
            model_name='hostname',
            name='badge_repositories',
            field=models.BooleanField(db_default=False, default=False, help_text='Tell everybody how often each listed repository is pulled, and its newest version, as badges.', verbose_name='badges of listed repositories'),
        ),
        migrations.AddField(
            model_name='hostname',
            name='badge_self_test',
            field=models.BooleanField(db_default=False, default=False, help_text='Tell everybody whether the last self-test passed, as a badge.', verbose_name='badge of the self-test'),
        ),
    ]
