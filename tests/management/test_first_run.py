"""What `make run` does to a new database besides migrating it: the first administrator, the example mapping."""

import re
from io import StringIO

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import call_command

from routing.models import Mapping
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping

pytestmark = pytest.mark.django_db


def say(command: str, *arguments: str) -> tuple[str, str]:
    """What a command printed, on standard output and on standard error."""
    out, err = StringIO(), StringIO()
    call_command(command, *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_first_administrator_can_sign_in_with_what_is_printed() -> None:
    printed, _ = say("create_first_admin")

    password = re.search(r"name admin  password (\S+)", printed)
    assert password is not None
    user = authenticate(username="admin", password=password[1])
    assert user is not None
    assert user.is_staff
    assert user.is_superuser


def test_every_password_is_another() -> None:
    first, _ = say("create_first_admin")
    get_user_model().objects.all().delete()
    second, _ = say("create_first_admin")

    assert first != second


def test_where_somebody_administers_already_nothing_is_created_or_said() -> None:
    get_user_model().objects.create_superuser("alice")

    assert say("create_first_admin") == ("", "")
    assert list(get_user_model().objects.values_list("username", flat=True)) == ["alice"]


def test_a_plain_user_of_that_name_is_neither_raised_nor_changed() -> None:
    get_user_model().objects.create_user("admin", password="kept")

    out, err = say("create_first_admin")

    assert out == ""
    assert "createsuperuser" in err
    user = authenticate(username="admin", password="kept")
    assert user is not None
    assert not user.is_superuser


def test_the_example_is_added_with_a_line_to_try_it() -> None:
    printed, _ = say("add_example_mapping", "--port", "9000")

    assert [str(mapping) for mapping in Mapping.objects.all()] == ["localhost/library → docker.io/library"]
    assert "curl -i localhost:9000/v2/library/alpine/manifests/latest" in printed


def test_no_example_is_added_beside_a_mapping() -> None:
    add_mapping(Actor.program("test"), "", hostname="docker.acme.test", prefix="acme", target="ghcr.io/acme")

    assert say("add_example_mapping") == ("", "")
    assert [mapping.hostname.name for mapping in Mapping.objects.all()] == ["docker.acme.test"]
