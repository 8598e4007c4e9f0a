"""Every entry of the histories gets a place in one chain, by its date."""

from heapq import merge
from itertools import islice

from django.db import migrations, models

from routing.models.history_link import link_facts

_NOUNS = ("mapping", "hostname", "registry", "tenant", "membership")
_BATCH_ROWS = 500


def _entries(apps, noun):
    past = apps.get_model("routing", f"historical{noun}")
    for row in past.objects.order_by("history_date", "history_id").iterator(_BATCH_ROWS):
        yield row.history_date, noun, row.history_id, row


def _links(apps):
    place, link = 0, ""
    model = apps.get_model("routing", "HistoryLink")
    for _, noun, _, row in merge(*(_entries(apps, noun) for noun in _NOUNS), key=lambda entry: entry[:3]):
        place += 1
        facts = link_facts(place, link, noun, row)
        link = facts["link"]
        yield model(**facts)


def chain(apps, schema_editor):
    """What is written from now on stands behind these."""
    model = apps.get_model("routing", "HistoryLink")
    links = _links(apps)
    while piece := list(islice(links, _BATCH_ROWS)):
        model.objects.bulk_create(piece)


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0037_subscriptions'),
    ]

    operations = [
        migrations.CreateModel(
            name='HistoryLink',
            fields=[
                ('place', models.BigIntegerField(primary_key=True, serialize=False)),
                ('noun', models.CharField(choices=[('mapping', 'mapping'), ('hostname', 'hostname'), ('registry', 'registry'), ('tenant', 'tenant'), ('membership', 'member')], max_length=10)),
                ('entry', models.BigIntegerField(blank=True, null=True)),
                ('salt', models.CharField(blank=True, max_length=32)),
                ('words', models.CharField(blank=True, default='', max_length=64)),
                ('link', models.CharField(max_length=64)),
            ],
            options={
                'verbose_name': 'link of the history',
                'verbose_name_plural': 'links of the history',
                'ordering': ['place'],
                'constraints': [models.UniqueConstraint(fields=('noun', 'entry'), name='history_link_of_entry')],
            },
        ),
        migrations.RunPython(chain, migrations.RunPython.noop),
    ]
