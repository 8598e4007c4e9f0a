"""The verb that writes the routing table for an engine that answers beside the app."""

import time
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings

from routing.conf import policy
from routing.core.grammar.hosts import InvalidHost, normalise_served_name
from routing.core.table.routing_table import Table
from routing.dataplane.live.live_table import LiveTable
from routing.management.verbs.output import Output
from routing.management.verbs.route_files import reload_engine, replace_files
from routing.management.verbs.verb import Options, Verb
from routing.publish.documents import Export, Surroundings, Unquotable
from routing.publish.formats import FORMATS
from routing.publish.remarks import remark_lines
from routing.publish.rules import Rules, rules_of
from routing.services.base.errors import NotFound, ServiceError
from routing.table.load import load_table

_ALL_NAMES = 1 << 60
_ROLE = "exporter"
_RETRY_SECONDS = 30.0
#: Formats of several files.
_BESIDE = {"haproxy": "HAProxy's maps lie", "envoy": "Envoy's routes lie"}


class ExportRoutes(Verb):
    """Once, or again and again."""

    name = "export-routes"
    help = (
        "Write the routing table as the whole configuration of nginx, Caddy, HAProxy or Envoy, as a Worker of "
        "Cloudflare, or as redirects of Netlify or Bunny. What those can't answer the app does. The file says what "
        "that is."
    )
    has_json = False

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """For which engine, what of the table, and where to."""
        add = parser.add_argument
        add("--format", required=True, choices=list(FORMATS), help="the engine")
        add("-o", "--output", default="-", metavar="FILE", help="the file to replace; default: print it")
        add("--hostname", action="append", default=[], metavar="NAME", help="this hostname alone; may be repeated")
        add("--listen", default="", metavar="ADDRESS", help="where it listens (:80, with a certificate :443)")
        add("--app", default="", metavar="ADDRESS", help="where the app listens (for an engine 127.0.0.1:8000)")
        add("--certificate", default="", metavar="FILE", help="the certificate that the engine ends TLS with")
        add("--key", default="", metavar="FILE", help="its key, where that is in a file of its own")
        add("--scheme", default="", choices=["http", "https"], help="what clients come by, where TLS ends before it")
        add("--report", action="store_true", help="print what the app goes on answering, with all names; write nothing")
        add("--check", action="store_true", help="have the engine judge the file before it is put in place")
        add("--watch", action="store_true", help="stay, and write the file anew at each change")
        add("--reload", default="", metavar="COMMAND", help="run this whenever the file was replaced")

    def run(self, options: Options, output: Output) -> None:
        """Write it. Raises ServiceError, for what can't be written."""
        _judge(options)
        if options["watch"]:
            _watch(options, output)
            return
        rules = _rules(load_table(policy()), options)
        if options["report"]:
            own = FORMATS[options["format"]].remarks
            for line in remark_lines(rules.remarks, own, most=_ALL_NAMES):
                output.line(line)
            return
        _write(rules, options, output)


def _judge(options: Options) -> None:
    """Refuse words that don't go together."""
    if options["output"] == "-":
        for word in ("check", "watch", "reload"):
            if options[word]:
                raise ServiceError(f"--{word} needs a file: name one with -o")
        if options["format"] in _BESIDE and not options["report"]:
            raise ServiceError(f"{_BESIDE[options['format']]} beside its configuration: name a file with -o")
    elif not Path(options["output"]).parent.is_dir():
        raise ServiceError(f"there is no folder {Path(options['output']).parent}: create it, or name another file")
    if options["report"] and (options["watch"] or options["check"]):
        raise ServiceError("--report writes nothing: leave --watch and --check out")


def _rules(table: Table, options: Options) -> Rules:
    try:
        names = frozenset(normalise_served_name(name) for name in options["hostname"])
    except InvalidHost as error:
        raise ServiceError(str(error)) from error
    for name in sorted(names):
        if table.hosts.get(name) is None:
            raise NotFound(f"there is no hostname {name}")
    return rules_of(table, names)


def _export(rules: Rules, options: Options) -> Export:
    is_engine = bool(FORMATS[options["format"]].program)
    scheme = options["scheme"] or ("https" if options["certificate"] or not is_engine else "http")
    app = options["app"] or ("127.0.0.1:8000" if is_engine else "")
    listen = options["listen"] or (":443" if options["certificate"] else ":80")
    keep = settings.FACADE_REDIRECT_MAX_AGE_SECONDS
    folder = str(Path(options["output"]).absolute().parent) if options["format"] == "envoy" else ""
    around = Surroundings(listen, app, scheme, options["certificate"], options["key"], keep, folder)
    try:
        return FORMATS[options["format"]].write(rules, around.checked())
    except Unquotable as error:
        raise ServiceError(str(error)) from error


def _write(rules: Rules, options: Options, output: Output) -> None:
    export = _export(rules, options)
    if options["output"] == "-":
        output.document(file.text for file in export.files)
        return
    path = Path(options["output"])
    replace_files(path, export, FORMATS[options["format"]] if options["check"] else None)
    if options["reload"]:
        reload_engine(options["reload"])
    output.line(f"Wrote {path}, of generation {rules.generation}")


def _watch(options: Options, output: Output) -> None:
    """Until it is ended. What fails is said once and tried again; the former file stays meanwhile."""
    live, written, said, not_before = LiveTable(role=_ROLE), None, "", 0.0
    while True:
        live.refresh_or_keep()
        table = live.table
        if table is not None and (table.state, table.digest) != written and time.monotonic() >= not_before:
            try:
                _write(_rules(table, options), options, output)
                written, said = (table.state, table.digest), ""
            except ServiceError as error:
                if str(error) != said:
                    output.aside(str(error))
                said, not_before = str(error), time.monotonic() + _RETRY_SECONDS
        time.sleep(settings.FACADE_POLL_SECONDS)
