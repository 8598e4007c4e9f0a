"""The account with which a mapping is published: who, since when, and the secret, of which no past is kept."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0038_pull_accounts'),
    ]

    operations = [
        migrations.AddField(
            model_name='mapping',
            name='account_user',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name='mapping',
            name='account_set_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='mapping',
            name='account_sealed',
            field=models.TextField(blank=True, db_default='', default='', editable=False),
        ),
        migrations.AddField(
            model_name='historicalmapping',
            name='account_user',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name='historicalmapping',
            name='account_set_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
