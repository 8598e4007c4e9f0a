"""The rules of what people keep of lists: whose it is, and of which list, never changes."""

from routing.models import ListColumns, SavedFilter
from routing.services.base.rules import fixed

fixed(ListColumns, "user", "noun")
fixed(SavedFilter, "noun", "user", "tenant")
