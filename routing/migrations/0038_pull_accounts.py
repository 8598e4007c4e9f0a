"""An operator's account at a registry: who, since when, and the secret, of which no past is kept."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0037_subscriptions'),
    ]

    operations = [
        migrations.AddField(
            model_name='registry',
            name='account_user',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name='registry',
            name='account_set_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='registry',
            name='account_sealed',
            field=models.TextField(blank=True, db_default='', default='', editable=False),
        ),
        migrations.AddField(
            model_name='historicalregistry',
            name='account_user',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name='historicalregistry',
            name='account_set_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
