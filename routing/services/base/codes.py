"""The codes of refusals: what went wrong, in a word for programs. A message may be worded anew, a code stays."""

from enum import StrEnum


class Code(StrEnum):
    """Every code that there is, with its meaning. The API's document and docs list them from here."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> "Code":
        """A member is its value, and knows its meaning."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    INVALID = (
        "invalid",
        "A value can't be taken, or several can't for several reasons; the message says why.",
    )
    REQUIRED = "required", "A value is missing."
    UNKNOWN_FIELD = "unknown_field", "There is no input of this name."
    TAKEN = "taken", "Another row has this name, or this combination, already."
    REASON_REQUIRED = "reason_required", "This change takes a reason."
    NOT_FOUND = "not_found", "It isn't there, or it isn't yours."
    HOSTNAME_UNKNOWN = "hostname_unknown", "There is no such hostname, or it isn't yours. Nothing was created."
    HOSTNAME_NOT_ALLOWED = "hostname_not_allowed", "Nobody can have this hostname, or not this way."
    WHOLE_REGISTRY = "whole_registry", "The target has no path: it stands for everything at the registry."
    REGISTRY_NOT_ALLOWED = "registry_not_allowed", "This deployment lets no mapping point to this address."
    MAPPING_EXISTS = (
        "mapping_exists",
        "This hostname and prefix have a mapping, with another target or options.",
    )
    HOSTNAME_TAKEN = "hostname_taken", "Another tenant has this hostname."
    CLAIM_EXISTS = "claim_exists", "This tenant has this hostname, or has claimed it, already."
    IN_USE = "in_use", "Other rows still refer to it."
    TAKES_CREDENTIALS = "takes_credentials", "It takes credentials, which no program moves to another registry."
    IN_STEPS = "in_steps", "A change set is being applied in steps to it; the message says which."
    POLICY_FORBIDS = "policy_forbids", "The tenant's policy doesn't allow this registry."
    REPORT_REQUIRED = "report_required", "The tenant's policy wants a clean verification report of this switch first."
    NEVER_CHANGES = "never_changes", "This value is fixed once the row is there."
    LAST_OWNER = "last_owner", "A tenant keeps one owner at least."
    QUOTA_EXCEEDED = "quota_exceeded", "The tenant, or the person, has as many as they may."
    PERMISSION_DENIED = "permission_denied", "You can see it, and your role doesn't allow this."
    READ_ONLY_TOKEN = "read_only_token", "The token can only read."
    SECOND_FACTOR_REQUIRED = "second_factor_required", "The token's person has to set up two-factor authentication."
    TOKEN_REQUIRED = "token_required", "The request has no API token."
    TOKEN_INVALID = "token_invalid", "The API token is unknown, revoked or expired."
    CONFLICT = "conflict", "It is there already, and differently."
    OUTDATED = "outdated", "The row was changed meanwhile: If-Match names another version."
    CHANGED_SINCE = "changed_since", "What the change set depends on, or the set itself, was changed since the review."
    CONFIRMATION_REQUIRED = "confirmation_required", "This change set has to be confirmed; the message says how."
    APPROVAL_REQUIRED = "approval_required", "A second person has to approve this change set first."
    CHANGE_SET_CLOSED = "change_set_closed", "The change set was applied or discarded already."
    CHECK_UNDER_WAY = "check_under_way", "The same is being checked just now."
    TOO_MANY_REQUESTS = "too_many_requests", "A rate or a share is used up; Retry-After says when to come back."
    MALFORMED = "malformed", "The request can't be read, such as a body that is not valid JSON."
    TOO_LARGE = "too_large", "The body is too large."
    METHOD_NOT_ALLOWED = "method_not_allowed", "This address doesn't have this method; Allow names those it has."
    MAIL_FAILED = "mail_failed", "The mail server didn't take the mail."
    UNAVAILABLE = "unavailable", "The database can't be used now; Retry-After says when to come back."
    INTERNAL_ERROR = "internal_error", "Something is wrong on the server; its log has the request's id."
