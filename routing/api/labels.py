"""Labels in requests and answers."""

from typing import Annotated

from pydantic import Field

from routing.api.schemas import Text, readable
from routing.core.grammar.labels import MAX_LABELS
from routing.services.base.labels import readable_label

LabelText = Annotated[Text, readable(readable_label)]
#: All labels of a row.
Labels = Annotated[
    list[LabelText],
    Field(
        max_length=MAX_LABELS,
        description="Words, or keys with a value, to find it by; they take the place of those that it has.",
        examples=[["legacy", "team=web"]],
    ),
]
LabelParam = Annotated[
    list[LabelText],
    Field(description="With this label, or with any value where it is a key alone; several: with all of them."),
]


#: Of a row, in answers.
LabelsOut = Annotated[
    list[str],
    Field(alias="label_list", description="Words to find it by, in order.", examples=[["legacy", "team=web"]]),
]
