"""`manage.py edge`: its words, and what it does with them."""

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from routing.edge.files import Folder
from routing.edge.keeper import Keeper
from routing.edge.publisher import Publisher

HELP = (
    "Keep the files of an Envoy as the facade's API tells them, on a machine without a database. What is damaged, "
    "empty, older or changes too much is refused, and the last good files stay. The token is in EDGE_TOKEN, or in a "
    "file."
)
_VARIABLE = "EDGE_TOKEN"
_PATH = "/api/v1/routes/envoy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From where, into which folder, and how Envoy is to answer."""
    add = parser.add_argument
    add("--from", dest="origin", required=True, metavar="URL", help="the facade, such as https://facade.acme.com")
    add("--folder", required=True, metavar="FOLDER", help="where Envoy finds its files; it starts with envoy.json")
    add("--token-file", default="", metavar="FILE", help=f"the file with the token; without it {_VARIABLE} has it")
    add("--listen", default="", metavar="ADDRESS", help="where Envoy listens (:80, with a certificate :443)")
    add("--app", required=True, metavar="ADDRESS", help="host and port of the app, for what Envoy hands on")
    add("--certificate", default="", metavar="FILE", help="the certificate that Envoy ends TLS with")
    add("--key", default="", metavar="FILE", help="its key, where that is in a file of its own")
    add("--scheme", default="", choices=["http", "https"], help="what clients come by, where TLS ends before it")
    add("--ca", default="", metavar="FILE", help="the authority of the facade's certificate, where it is your own")
    add("--client-certificate", default="", metavar="FILE", help="certificate and key that show this edge to a proxy")
    add("--check", default="", metavar="PROGRAM", help="Envoy's program, which has to accept files first")
    add("--max-change-share", type=_percent, default=33, metavar="PERCENT", help="of hostnames; 0: all (33)")
    add("--seconds", type=_seconds, default=10.0, metavar="SECONDS", help="between two looks (10)")
    add("--timeout", type=_seconds, default=120.0, metavar="SECONDS", help="how long an answer may take (120)")
    add("--once", action="store_true", help="look once; exit status 1 where the files couldn't be brought up to date")
    add("--accept", action="store_true", help="with --once: take what is older or changes much")


def main(words: Sequence[str]) -> int:
    """Run it by its own, without Django. The exit status."""
    parser = argparse.ArgumentParser(prog="facade edge", description=HELP)
    add_arguments(parser)
    options = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        return run(options)
    except (OSError, ValueError) as error:
        parser.exit(1, f"facade edge: {error}\n")
    except KeyboardInterrupt:
        return 0


def run(options: argparse.Namespace) -> int:
    """Do it. Raises ValueError and OSError for words that can't be."""
    folder = Path(options.folder).absolute()
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}: create it, or name another one")
    if options.accept and not options.once:
        raise ValueError("--accept is for one look: add --once")
    publisher = Publisher(
        address(options, folder),
        _token(options.token_file),
        seconds=options.timeout,
        ca=options.ca,
        certificate=options.client_certificate,
    )
    keeper = Keeper(publisher, Folder(folder), share=options.max_change_share, check=options.check)
    if options.once:
        return 0 if keeper.look(accept=options.accept) else 1
    keeper.run(options.seconds)
    return 0


def address(options: argparse.Namespace, folder: Path) -> str:
    """Where the facade publishes what this Envoy needs."""
    query = {
        "listen": options.listen or (":443" if options.certificate else ":80"),
        "app": options.app,
        "scheme": options.scheme or ("https" if options.certificate else "http"),
        "certificate": options.certificate,
        "key": options.key,
        "folder": str(folder),
    }
    return f"{options.origin.rstrip('/')}{_PATH}?{urlencode({name: text for name, text in query.items() if text})}"


def _token(file: str) -> str:
    token = (Path(file).read_text() if file else os.environ.get(_VARIABLE, "")).strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"there is no token: put it into a file that --token-file names, or into {_VARIABLE}")
    return token


def _percent(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 100:
        raise argparse.ArgumentTypeError("it is a number of percent, from 0 to 100")
    return int(text)


def _seconds(text: str) -> float:
    number = float(text)
    if not 0.1 <= number <= 86400:
        raise argparse.ArgumentTypeError("it is a number of seconds, from 0.1 to 86400")
    return number
