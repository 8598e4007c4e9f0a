"""Texts for spreadsheets: whatever people wrote, a cell of a file that is opened there is no formula."""

#: What makes a spreadsheet calculate in place of showing (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def text_cell(text: str) -> str:
    """The text as a cell: behind an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
