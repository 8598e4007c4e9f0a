"""Change sets that the health gate has led back are known as such."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0049_steps'),
    ]

    operations = [
        migrations.AddField(
            model_name='changeset',
            name='returned_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
