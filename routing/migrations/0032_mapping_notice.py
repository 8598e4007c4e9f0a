"""A mapping may have a word for those who pull."""

from django.db import migrations, models

HELP = "One line for those who pull, such as: moves to example.com on 1 March. Podman, Skopeo and others print it where the facade relays."


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0031_confirmation'),
    ]

    operations = [
        migrations.AddField(
            model_name=name,
            name='notice',
            field=models.CharField(blank=True, db_default='', default='', help_text=HELP, max_length=300),
        )
        for name in ('historicalmapping', 'mapping')
    ]
