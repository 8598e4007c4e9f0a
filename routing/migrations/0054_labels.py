"""Labels of hostnames, mappings and registries."""

import routing.models.labelled
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0053_failed_pulls'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalhostname',
            name='labels',
            field=routing.models.labelled.LabelsField(blank=True, db_default='', default='', help_text='Words to find it by, with spaces between, such as: legacy team=web. Clients never meet them.', max_length=1280),
        ),
        migrations.AddField(
            model_name='historicalmapping',
            name='labels',
            field=routing.models.labelled.LabelsField(blank=True, db_default='', default='', help_text='Words to find it by, with spaces between, such as: legacy team=web. Clients never meet them.', max_length=1280),
        ),
        migrations.AddField(
            model_name='historicalregistry',
            name='labels',
            field=routing.models.labelled.LabelsField(blank=True, db_default='', default='', help_text='Words to find it by, with spaces between, such as: legacy team=web. Clients never meet them.', max_length=1280),
        ),
        migrations.AddField(
            model_name='hostname',
            name='labels',
            field=routing.models.labelled.LabelsField(blank=True, db_default='', default='', help_text='Words to find it by, with spaces between, such as: legacy team=web. Clients never meet them.', max_length=1280),
        ),
        migrations.AddField(
            model_name='mapping',
            name='labels',
            field=routing.models.labelled.LabelsField(blank=True, db_default='', default='', help_text='Words to find it by, with spaces between, such as: legacy team=web. Clients never meet them.', max_length=1280),
        ),
        migrations.AddField(
            model_name='registry',
            name='labels',
            field=routing.models.labelled.LabelsField(blank=True, db_default='', default='', help_text='Words to find it by, with spaces between, such as: legacy team=web. Clients never meet them.', max_length=1280),
        ),
    ]
