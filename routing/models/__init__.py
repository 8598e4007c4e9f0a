"""The tables, one file a noun. Imports only `routing.core`; written only by `routing.services`."""

from routing.models.address_finding import AddressState
from routing.models.answer_count import AnswerCount, RegistryLimit
from routing.models.api_token import ApiToken
from routing.models.change import Change, Generation
from routing.models.change_set import ChangeSet
from routing.models.claim import HostnameClaim
from routing.models.confirmation import Confirmation
from routing.models.contact_sighting import ContactSighting
from routing.models.history_link import HistoryLink
from routing.models.hostname import Hostname
from routing.models.job import Job, Lease
from routing.models.list_columns import ListColumns
from routing.models.mapping import Mapping
from routing.models.membership import Invitation, Membership, Role
from routing.models.note import Note
from routing.models.preferences import Preferences
from routing.models.provider_grant import ProviderGrant, ProviderWord
from routing.models.pull_count import OrphanCount, PullCount, ReferenceCount
from routing.models.rate import Rate
from routing.models.registry import Registry
from routing.models.registry_health import RegistryHealth
from routing.models.restoration import Restoration
from routing.models.round import Round
from routing.models.saved_filter import SavedFilter
from routing.models.self_test import SelfTest
from routing.models.server import Server
from routing.models.streamed import StreamedBytes
from routing.models.subscription import Delivery, Subscription
from routing.models.table_check import TableCheck
from routing.models.tenant import Tenant
from routing.models.verification import Verification, VerificationDifference
from routing.models.watch import Watch

__all__ = [
    "AddressState",
    "AnswerCount",
    "ApiToken",
    "Change",
    "ChangeSet",
    "Confirmation",
    "ContactSighting",
    "Delivery",
    "Generation",
    "HistoryLink",
    "Hostname",
    "HostnameClaim",
    "Invitation",
    "Job",
    "Lease",
    "ListColumns",
    "Mapping",
    "Membership",
    "Note",
    "OrphanCount",
    "Preferences",
    "ProviderGrant",
    "ProviderWord",
    "PullCount",
    "Rate",
    "ReferenceCount",
    "Registry",
    "RegistryHealth",
    "RegistryLimit",
    "Restoration",
    "Role",
    "Round",
    "SavedFilter",
    "SelfTest",
    "Server",
    "StreamedBytes",
    "Subscription",
    "TableCheck",
    "Tenant",
    "Verification",
    "VerificationDifference",
    "Watch",
]
