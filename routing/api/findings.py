"""What is known of a row that was just changed, as answers tell it."""

from typing import Annotated

from ninja import Schema
from pydantic import Field

from routing.services.mappings.findings import Mark


class FindingOut(Schema):
    """One thing that pulls depend on: what was found of it, or that nobody has looked."""

    subject: str = Field(examples=["DNS"])
    mark: Mark = Field(examples=["not_looked_at"])
    text: str = Field(examples=["not looked at; docker.acme.com has to point to this facade"])


Findings = Annotated[
    list[FindingOut],
    Field(description="What a pull depends on, as far as it is known now: the same as the admin and the commands say."),
]
