"""A hostname may have a front door: what people find who open it in a browser."""

from django.db import migrations, models

FIELDS = {
    'front_colour': models.CharField(blank=True, db_default='', default='', help_text='Of the bar at the top, as #rrggbb. Its text is black or white, whichever reads better.', max_length=7, verbose_name='colour'),
    'front_leads_on': models.BooleanField(db_default=False, default=False, help_text='Send visitors to the link at once, and from a listed repository to its own, instead of showing a page.', verbose_name='send visitors on'),
    'front_link': models.CharField(blank=True, db_default='', default='', help_text='Your own site, such as https://acme.com/docs.', max_length=300, verbose_name='link'),
    'front_repositories': models.TextField(blank=True, db_default='', default='', help_text='Those that everybody may know of, one a line, such as: acme/app https://acme.com/app The app itself. Link and words may be left out.', max_length=8000, verbose_name='listed repositories'),
    'front_text': models.TextField(blank=True, db_default='', default='', help_text='Plain text below the title. An empty line begins a paragraph.', max_length=1000, verbose_name='text'),
    'front_title': models.CharField(blank=True, db_default='', default='', help_text="The heading of the page that browsers show. Empty: the tenant's name.", max_length=80, verbose_name='title'),
}


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0039_published_mappings'),
    ]

    operations = [
        migrations.AddField(model_name=model, name=name, field=field)
        for model in ('historicalhostname', 'hostname')
        for name, field in FIELDS.items()
    ]
