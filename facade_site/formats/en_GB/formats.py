"""One way to write a day, and one to write a moment: 25 November 2026, 21:28 UTC.

https://docs.djangoproject.com/en/5.2/topics/i18n/formatting/#creating-custom-format-files
"""

DATE_FORMAT = SHORT_DATE_FORMAT = "j F Y"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "j F Y, H:i e"
TIME_FORMAT = "H:i"
