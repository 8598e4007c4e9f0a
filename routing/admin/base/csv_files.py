"""Tables of pages as CSV files."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse

from routing.services.base.csv_text import text_cell


def csv_file(name: str, headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> HttpResponse:
    """A file to download, named so, with a line for each row."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headings)
    writer.writerows([text_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    answer = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer
