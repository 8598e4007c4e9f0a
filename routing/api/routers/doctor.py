"""The doctor: what clients meet at a hostname, looked at now."""

from typing import Literal

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import NAMING_PROBLEMS
from routing.api.schemas import Id
from routing.diagnosis.hostname import diagnose_hostname
from routing.diagnosis.report import Report, Step

router = Router(tags=["hostnames"])


class DoctorStepOut(Schema):
    """One step on a client's way."""

    name: str = Field(examples=["certificate"])
    mark: Literal["good", "warning", "bad", "skipped"] = Field(
        description="bad: keeps clients out; warning: they get through, and it should be seen to; skipped: not tried",
        examples=["bad"],
    )
    asked: str = Field(examples=["TLS with 203.0.113.7 for docker.acme.com"])
    came: str = Field(examples=["its certificate expired on 3 November 2026"])
    advice: str = Field(
        description="The one thing to do; empty where there is nothing to do.",
        examples=["Renew it; the log of what renews it says why that wasn't done."],
    )
    milliseconds: int = Field(examples=[38])

    @staticmethod
    def resolve_mark(step: Step) -> str:
        """Its word."""
        return step.mark.value


class DoctorReportOut(Schema):
    """What was found, from the DNS to a layer."""

    ok: bool = Field(alias="is_good", description="Whether nothing was found that keeps clients out.", examples=[False])
    steps: list[DoctorStepOut]


@router.post(
    "/hostnames/{hostname_id}/doctor", response={200: DoctorReportOut, **NAMING_PROBLEMS}, operation_id="ask_doctor"
)
def ask_doctor(request: HttpRequest, hostname_id: Id) -> Report:
    """Look at a hostname as docker, containerd, podman and Helm do. Changes nothing; takes seconds, a minute at most.

    What is about the platform's proxy is told to operators of the platform alone.
    """
    return diagnose_hostname(actor_of(request), hostname_id=hostname_id)
