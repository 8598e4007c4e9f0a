"""Every entry of the histories gets a place in one chain, by its date."""

from heapq import merge
from itertools import islice

from django.db import migrations, models
from django.db.models import Q

from routing.models.history_link import link_facts

_NOUNS = ("mapping", "hostname", "registry", "tenant", "membership")
_BATCH_ROWS = 500


def _entries(apps, noun):
    """By date, page by page: also where a pooler keeps cursors from lasting, never more than a page is in memory."""
    rows = apps.get_model("routing", f"historical{noun}").objects.order_by("history_date", "history_id")
    page = list(rows[:_BATCH_ROWS])
    while page:
        for row in page:
            yield row.history_date, noun, row.history_id, row
        at, number = page[-1].history_date, page[-1].history_id
        page = list(rows.filter(history_date__gte=at).exclude(Q(history_date=at, history_id__lte=number))[:_BATCH_ROWS])


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
        ('routing', '0040_front_doors'),
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
                ('late', models.BooleanField(default=False)),
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
