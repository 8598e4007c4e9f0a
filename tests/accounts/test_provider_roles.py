"""What an identity provider's claims give and take."""

import pytest
from django.contrib.auth.models import User

from routing.models import Membership, ProviderGrant, Role
from routing.services.base.errors import ServiceError
from routing.services.people.provider_grants import ProviderRole, follow_provider, parse_provider_roles
from tests.conftest import Person

pytestmark = pytest.mark.django_db

OPERATOR = ProviderRole("acme", "operator")
OWNER = ProviderRole("acme", "owner")
VIEWER = ProviderRole("acme", "viewer")
PLATFORM = ProviderRole("", "platform")


@pytest.fixture
def dora(owner: Person) -> User:
    return User.objects.create_user("dora")


def roles_of(user: User) -> dict[str, str]:
    return {row.tenant.slug: row.role for row in Membership.objects.filter(user=user).select_related("tenant")}


def is_platform(user: User) -> bool:
    user.refresh_from_db()
    return user.is_superuser


def test_a_claim_gives_and_its_loss_takes(dora: User) -> None:
    follow_provider(dora, [OPERATOR])
    assert roles_of(dora) == {"acme": "operator"}

    follow_provider(dora, [])
    assert roles_of(dora) == {}
    assert not ProviderGrant.objects.exists()


def test_another_claim_gives_another_role_also_a_lower_one(dora: User) -> None:
    follow_provider(dora, [OWNER])
    follow_provider(dora, [VIEWER])

    assert roles_of(dora) == {"acme": "viewer"}


def test_of_several_claims_the_furthest_reaching_counts(dora: User) -> None:
    follow_provider(dora, [VIEWER, OWNER, OPERATOR])

    assert roles_of(dora) == {"acme": "owner"}


def test_one_tenant_is_lost_and_the_other_kept(dora: User, outsider: Person) -> None:
    follow_provider(dora, [OPERATOR, ProviderRole("globex", "viewer")])
    follow_provider(dora, [ProviderRole("globex", "viewer")])

    assert roles_of(dora) == {"globex": "viewer"}


def test_what_people_gave_stays(dora: User, owner: Person) -> None:
    Membership.objects.create(user=dora, tenant=owner.tenant, role=Role.OPERATOR)

    follow_provider(dora, [VIEWER])
    follow_provider(dora, [])

    assert roles_of(dora) == {"acme": "operator"}


def test_what_people_gave_is_raised_and_then_is_the_providers(dora: User, owner: Person) -> None:
    Membership.objects.create(user=dora, tenant=owner.tenant, role=Role.VIEWER)

    follow_provider(dora, [OWNER])
    assert roles_of(dora) == {"acme": "owner"}

    follow_provider(dora, [])
    assert roles_of(dora) == {}


def test_the_platform_is_given_and_taken(dora: User) -> None:
    follow_provider(dora, [PLATFORM])
    assert is_platform(dora)

    follow_provider(dora, [])
    assert not is_platform(dora)


def test_an_operator_whom_people_made_stays_one() -> None:
    root = User.objects.create_superuser("root")

    follow_provider(root, [PLATFORM])
    follow_provider(root, [])

    assert is_platform(root)


def test_even_the_last_owner_loses_what_the_provider_takes(dora: User) -> None:
    Membership.objects.all().delete()
    follow_provider(dora, [OWNER])

    follow_provider(dora, [])

    assert not Membership.objects.exists()


def test_a_tenant_that_does_not_exist_is_skipped_and_told(dora: User, caplog: pytest.LogCaptureFixture) -> None:
    follow_provider(dora, [ProviderRole("nowhere", "owner"), VIEWER])

    assert roles_of(dora) == {"acme": "viewer"}
    assert "nowhere" in caplog.text


def test_nobody_elses_roles_are_touched(dora: User, owner: Person) -> None:
    follow_provider(owner.user, [OWNER])
    before = roles_of(owner.user)

    follow_provider(dora, [OPERATOR])
    follow_provider(dora, [])

    assert roles_of(owner.user) == before


def test_the_setting_is_read() -> None:
    texts = ["acme-admins=acme:owner", " sre=*:platform ", "acme-admins=globex:viewer", "cn=ops=acme:operator"]

    assert parse_provider_roles(texts) == {
        "acme-admins": [OWNER, ProviderRole("globex", "viewer")],
        "sre": [PLATFORM],
        "cn=ops": [OPERATOR],
    }


@pytest.mark.parametrize(
    "text",
    ["", "acme:owner", "=acme:owner", "a=acme", "a=acme:", "a=:owner", "a=acme:king", "a=*:owner", "a=acme:platform"],
)
def test_a_setting_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ServiceError):
        parse_provider_roles([text])
