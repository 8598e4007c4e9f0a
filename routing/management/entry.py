"""The parser of `facade`: nouns and their verbs, in groups."""

from argparse import SUPPRESS, Action, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

from django.core.management.base import CommandError, CommandParser

from routing.management.verbs import (
    accounts,
    backups,
    change_drafts,
    change_reports,
    changes,
    claims,
    configuration,
    contacts,
    doctor,
    edge,
    emergency,
    export_routes,
    exports,
    front_doors,
    hand_over,
    history,
    history_chain,
    hostnames,
    images,
    keys,
    labels,
    mapping_lists,
    mappings,
    members,
    notes,
    people,
    probes,
    pulls,
    registries,
    registry_health,
    saved_filters,
    self_tests,
    standbys,
    subscriptions,
    suspensions,
    tables,
    tenants,
    tokens,
    verify,
    watches,
)
from routing.management.verbs.verb import Status, Verb

PROGRAM = "facade"


class Noun(NamedTuple):
    """What several verbs are about."""

    name: str
    help: str
    verbs: tuple[type[Verb], ...]


Entry = Noun | type[Verb]

MAPPING = Noun(
    "mapping",
    "where a prefix of a hostname leads",
    (
        mapping_lists.ListMappings,
        mappings.AddMapping,
        mapping_lists.ShowMapping,
        watches.ListWatches,
        mappings.Repoint,
        changes.RollBack,
        standbys.SetStandby,
        standbys.FailBack,
        mappings.SetNotice,
        mappings.EnableMapping,
        mappings.DisableMapping,
        accounts.PublishMapping,
        accounts.UnpublishMapping,
        labels.LabelMapping,
        notes.NoteMapping,
        mappings.RemoveMapping,
        history.MappingHistory,
    ),
)
CHANGES = Noun(
    "changes",
    "change sets: many mappings, changed as one",
    (
        changes.ListChangeSets,
        change_drafts.Draft,
        changes.ShowChangeSet,
        change_reports.VerifyChangeSet,
        changes.Approve,
        changes.Apply,
        changes.GoOn,
        changes.Stop,
        changes.Undo,
        change_drafts.Redraft,
        changes.Discard,
    ),
)
HOSTNAME = Noun(
    "hostname",
    "the names that people pull from",
    (
        hostnames.ListHostnames,
        hostnames.AddHostname,
        claims.ClaimHostname,
        claims.CheckHostname,
        hostnames.ShowHostname,
        contacts.ShowContacts,
        contacts.MakeFallback,
        contacts.ShowSignatures,
        front_doors.FrontDoorOf,
        self_tests.SelfTestOf,
        suspensions.SuspendHostname,
        suspensions.ResumeHostname,
        hand_over.HandOver,
        labels.LabelHostname,
        notes.NoteHostname,
        hostnames.RemoveHostname,
        history.HostnameHistory,
    ),
)
REGISTRY = Noun(
    "registry",
    "where content lives",
    (
        registries.ListRegistries,
        registries.AddRegistry,
        registries.ShowRegistry,
        registry_health.RegistryHealth,
        probes.ProbeRegistry,
        registries.SetRegistry,
        labels.LabelRegistry,
        notes.NoteRegistry,
        accounts.SetRegistryAccount,
        accounts.RemoveRegistryAccount,
        registries.RemoveRegistry,
    ),
)
TENANT = Noun(
    "tenant",
    "the organisations that own all these",
    (
        tenants.ListTenants,
        tenants.AddTenant,
        tenants.ShowTenant,
        suspensions.SuspendTenant,
        suspensions.ResumeTenant,
        tenants.RequireApproval,
        tenants.TenantPolicy,
        exports.ExportTenant,
        notes.NoteTenant,
        tenants.RemoveTenant,
    ),
)
MEMBER = Noun(
    "member",
    "who acts for a tenant",
    (members.ListMembers, members.AddMember, members.Invite, members.SetRole, members.RemoveMember),
)
PERSON = Noun(
    "person",
    "everybody who has an account",
    (people.ListPeople, exports.ExportPerson, people.RemovePerson),
)
TOKEN = Noun("token", "keys to the HTTP API", (tokens.ListTokens, tokens.CreateToken, tokens.RevokeToken))

SUBSCRIPTION = Noun(
    "subscription",
    "who is told of what happens, by mail or webhook",
    (
        subscriptions.ListSubscriptions,
        subscriptions.AddSubscription,
        subscriptions.ShowSubscription,
        subscriptions.SetSubscription,
        subscriptions.RenewSecret,
        subscriptions.TrySubscription,
        subscriptions.SendAgain,
        subscriptions.RemoveSubscription,
    ),
)

FILTER = Noun(
    "filter",
    "what lists are asked for, by a name",
    (saved_filters.ListFilters, saved_filters.SaveFilter, saved_filters.RemoveFilter),
)

#: By heading, in the order of the help.
GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    ("Names and where they lead", (MAPPING, CHANGES, HOSTNAME, REGISTRY, FILTER)),
    ("People", (TENANT, MEMBER, PERSON, TOKEN, SUBSCRIPTION)),
    (
        "What happens, and happened",
        (
            doctor.Doctor,
            images.Explain,
            probes.Probe,
            verify.Verify,
            tables.CheckTable,
            history.History,
            history_chain.VerifyHistory,
            pulls.Pulls,
        ),
    ),
    ("In an emergency", (emergency.Freeze, emergency.Thaw, emergency.Confirm)),
    ("Configuration as a file", (configuration.Export, configuration.Apply, configuration.ImportRules)),
    ("Other engines", (export_routes.ExportRoutes, edge.Edge)),
    ("Moving house", (backups.Backup, backups.Restore, backups.ConfirmRestore, keys.RotateKeys)),
)

_WIDTH = 16
_FOOT = f"""\
“{PROGRAM} NOUN --help” tells of a noun's verbs, “{PROGRAM} NOUN VERB --help” of what a verb takes.
With --json a command prints JSON. With --dry-run it says what it would do, and changes nothing.

Exit status: 0 done, 1 refused, 2 wrong usage, 3 not so (what was asked is not so, or not there)."""


class Parser(CommandParser):
    """One that raises CommandError, with the status of wrong usage.

    What it holds can be added when it is first looked at. A call needs one verb of a hundred, and to declare what all
    of them take lasts longer than most of what they do.
    """

    _given: Sequence[str] = ()
    _fill: Callable[[], None] | None = None

    def fill_later(self, fill: Callable[[], None]) -> None:
        """Have `fill` add the arguments and defaults once somebody parses with it, or reads its arguments."""
        self._fill = fill

    @property
    def _actions(self) -> list[Action]:
        """Argparse's own list: whatever it does with a parser begins with reading this."""
        if fill := self._fill:
            self._fill = None
            fill()
        return self._declared

    @_actions.setter
    def _actions(self, actions: list[Action]) -> None:
        self._declared = actions

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and keep what was given for what `error` says."""
        self._given = args or ()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise CommandError(f"{message}{self._hint(message)}; see {self.prog} --help", returncode=Status.USAGE)

    def _hint(self, message: str) -> str:
        """A mapping is shown as docker.acme.com/acme, and named by two arguments."""
        named = {action.metavar for action in self._actions}
        first = next((word for word in self._given if not word.startswith("-")), "")
        hostname, slash, prefix = first.partition("/")
        if not slash or "required" not in message or not {"HOSTNAME", "PREFIX"} <= named:
            return ""
        return f"; {first} is a hostname and a prefix, write them apart: {hostname} {prefix}"


def build_parser(extra: Iterable[type[Verb]]) -> Parser:
    """The whole parser. `extra`: what is about the command line itself. It sets `verb`, or `usage_of` without one."""
    groups = (*GROUPS, ("This command", tuple(extra)))
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} COMMAND …",
        description=_grouped(groups),
        formatter_class=RawDescriptionHelpFormatter,
        epilog=_FOOT,
    )
    parser.add_argument("--version", dest="show_version", action="store_true", help=SUPPRESS)
    # What Django's own options would be. One who looks for a fault may still have the whole traceback.
    _hide_options(parser)
    parser.set_defaults(verb=None, usage_of=parser)
    commands = parser.add_subparsers(metavar="COMMAND", help=SUPPRESS, prog=PROGRAM)
    for _, entries in groups:
        for entry in entries:
            if isinstance(entry, Noun):
                _add_noun(commands, entry)
            else:
                _add_verb(commands, entry)
    return parser


def parser_of(parser: CommandParser, words: Sequence[str]) -> CommandParser:
    """The parser of a noun, or of its verb; without words the whole. Raises KeyError where there is none."""
    for word in words:
        (commands,) = [action.choices for action in parser._actions if isinstance(action.choices, dict)] or [{}]
        parser = commands[word]
    return parser


def _add_noun(commands: Any, noun: Noun) -> None:
    parser: Parser = commands.add_parser(noun.name, description=f"{noun.name.capitalize()}: {noun.help}.")

    def fill() -> None:
        parser.set_defaults(verb=None, usage_of=parser)
        verbs = parser.add_subparsers(metavar="VERB", title="verbs")
        for verb in noun.verbs:
            _add_verb(verbs, verb)

    parser.fill_later(fill)


def _add_verb(verbs: Any, verb: type[Verb]) -> None:
    parser: Parser = verbs.add_parser(verb.name, help=_first_sentence(verb.help), description=verb.help)

    def fill() -> None:
        parser.set_defaults(verb=verb, usage_of=parser)
        verb.add_to(parser)
        _hide_options(parser)

    parser.fill_later(fill)


def _hide_options(parser: ArgumentParser) -> None:
    parser.add_argument("--traceback", action="store_true", help=SUPPRESS)
    parser.set_defaults(force_color=False, no_color=False, skip_checks=False, verbosity=1)


def _grouped(groups: Iterable[tuple[str, tuple[Entry, ...]]]) -> str:
    parts = ["The command line of Registry Facade."]
    for heading, entries in groups:
        lines = [f"  {entry.name:<{_WIDTH}}{_in_short(entry)}" for entry in entries]
        parts.append("\n".join([f"{heading}:", *lines]))
    return "\n\n".join(parts)


def _in_short(entry: Entry) -> str:
    if isinstance(entry, Noun):
        return f"{entry.help}: {', '.join(verb.name for verb in entry.verbs)}"
    return _first_sentence(entry.help)


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].removesuffix(".")
