"""A mapping knows where it led before, while pulls that began there may go on."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0029_restoration'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalmapping',
            name='former',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=1250),
        ),
        migrations.AddField(
            model_name='mapping',
            name='former',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=1250),
        ),
        migrations.AddIndex(
            model_name='mapping',
            index=models.Index(condition=models.Q(('former', ''), _negated=True), fields=['former'], name='mapping_former'),
        ),
    ]
