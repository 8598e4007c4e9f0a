"""Texts for spreadsheets: whatever people wrote, a cell of a file that is opened there is no formula."""

#: What makes a spreadsheet calculate in place of showing (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def text_cell(text: str) -> str:
    """The text as a cell: behind an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def text_of_cell(cell: str) -> str:
    """What `text_cell` made a cell of, and any other cell as it is."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
