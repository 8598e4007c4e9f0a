"""Self-tests: reports of hostnames that were tested as clients meet them, and the links to those that are shared."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from ninja.pagination import paginate
from pydantic import Field

from routing.accounts.links import link_to
from routing.api.auth import actor_of
from routing.api.errors import NAMING_PROBLEMS
from routing.api.pagination import Paging
from routing.api.routers.doctor import DoctorStepOut
from routing.api.schemas import DeleteParams, Id, ReasonIn, given_reason
from routing.diagnosis.report import Step
from routing.diagnosis.self_test import run_self_test, steps_of
from routing.models import SelfTest
from routing.services.hostnames.self_tests import (
    get_self_test,
    get_self_tests,
    share_path,
    share_self_test,
    unshare_self_test,
)

router = Router(tags=["hostnames"])
reports = Router(tags=["hostnames"])


class SelfTestOut(Schema):
    """What one test of a hostname found, from the DNS to a layer."""

    id: int = Field(examples=[7])
    hostname_id: int = Field(examples=[5])
    at: datetime
    passed: bool = Field(description="Whether nothing was found that keeps clients out.", examples=[True])
    is_scheduled: bool = Field(description="Whether it was done by itself, and not as somebody asked.", examples=[True])
    is_shared: bool = Field(description="Whether everybody reads it who has the link.", examples=[False])
    steps: list[DoctorStepOut]

    @staticmethod
    def resolve_steps(row: SelfTest) -> list[Step]:
        """What was found."""
        return steps_of(row)

    @staticmethod
    def resolve_is_shared(row: SelfTest) -> bool:
        """Whether there is a link."""
        return bool(row.share_nonce)


class SharedSelfTestOut(SelfTestOut):
    """A report that is shared."""

    link: str = Field(
        description="With it everybody reads the report, without signing in.",
        examples=["https://facade.example.com/self-tests/7/4jW2"],
    )

    @staticmethod
    def resolve_link(row: SelfTest) -> str:
        """Where it is."""
        return link_to(share_path(row))


_FOUND = {200: SelfTestOut, **NAMING_PROBLEMS}


@router.get(
    "/{hostname_id}/self-tests", response={200: list[SelfTestOut], **NAMING_PROBLEMS}, operation_id="list_self_tests"
)
@paginate(Paging)
def list_self_tests(request: HttpRequest, hostname_id: Id) -> list[SelfTest]:
    """List the reports of a hostname that are kept, the newest first."""
    return get_self_tests(actor_of(request), hostname_id)


@router.post("/{hostname_id}/self-tests", response={201: SelfTestOut, **NAMING_PROBLEMS}, operation_id="run_self_test")
def run(request: HttpRequest, hostname_id: Id) -> Status[SelfTest]:
    """Test a hostname now as docker, containerd, podman and Helm pull, and keep the report. Takes up to a minute."""
    return Status(201, run_self_test(actor_of(request), hostname_id=hostname_id))


@reports.get("/{self_test_id}", response=_FOUND, operation_id="get_self_test")
def get_one(request: HttpRequest, self_test_id: Id) -> SelfTest:
    """Get one report."""
    return get_self_test(actor_of(request), self_test_id=self_test_id)


@reports.put(
    "/{self_test_id}/link", response={200: SharedSelfTestOut, **NAMING_PROBLEMS}, operation_id="share_self_test"
)
def share(request: HttpRequest, self_test_id: Id, data: ReasonIn | None = None) -> SelfTest:
    """Share a report: give it a link with which everybody reads it. One that is shared keeps its link."""
    return share_self_test(actor_of(request), given_reason(data), self_test_id=self_test_id)


@reports.delete("/{self_test_id}/link", response=_FOUND, operation_id="unshare_self_test")
def unshare(request: HttpRequest, self_test_id: Id, params: Query[DeleteParams]) -> SelfTest:
    """End the sharing of a report: its link leads nowhere from now on."""
    return unshare_self_test(actor_of(request), params.reason, self_test_id=self_test_id)
