"""Lists on their way through: no page is lost, whatever a proxy before the registry makes of `Link` (R14.4)."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from tests.dataplane.facade_client import DIGEST, REFERRERS, TAGS, UPSTREAM, FacadeClient
from tests.registries.faulty_server import Exchange, FaultyServer

INDEX = "application/vnd.oci.image.index.v1+json"
ACME_TAGS = UPSTREAM[TAGS]


def tags(server: FaultyServer, path: str, names: Iterable[str] | None, link: str = "") -> None:
    server.answers_json(path, {"name": "acme/app", "tags": names and list(names)}, {"Link": link} if link else None)


@pytest.mark.parametrize(
    ("target", "query"),
    [
        ("/v2/acme/app/tags/list?last=b&n=2", "last=b&n=2"),
        ("tags/list?last=b", "last=b"),
        ("?last=b", "last=b"),
        # What a proxy before the registry makes of it: another host, a prefix, another name for the repository.
        ("http://registry.internal:5000/v2/acme/app/tags/list?last=b&n=2", "last=b&n=2"),
        ("https://elsewhere.example/v2/acme/app/tags/list?n=2&last=b", "n=2&last=b"),
        ("/artifactory/api/docker/acme/v2/app/tags/list?last=b&n=2", "last=b&n=2"),
        ("/mirror/v2/other/name/tags/list?next_page=gAAA%2Fx%3D", "next_page=gAAA%2Fx%3D"),
        ("/v2/acme/app/tags/list?last=v1,2", "last=v1,2"),
        ("/v2/acme/app/tags/list?last=b é", "last=b%20%C3%A9"),
        ("/v2/acme/app/tags/list?last=b \xc3\xa9", "last=b%20%C3%A9"),
    ],
)
@pytest.mark.parametrize("relation", ['; rel="next"', "; rel=next", '; title="x, y"; rel="first next"', ""])
async def test_r14_4_where_a_list_goes_on_is_at_the_facade(
    facade_client: FacadeClient, server: FaultyServer, target: str, query: str, relation: str
) -> None:
    tags(server, ACME_TAGS, "ab", f"<{target}>{relation}")
    answer = await facade_client.request(f"{TAGS}?n=2")
    assert answer.json() == {"name": "team/app", "tags": ["a", "b"]}
    assert answer.headers["link"] == f'</v2/team/app/tags/list?{query}>; rel="next"'
    assert (await facade_client.request(f"{TAGS}?n=2", method="HEAD")).headers["link"] == answer.headers["link"]


async def test_r14_4_other_relations_say_nothing(facade_client: FacadeClient, server: FaultyServer) -> None:
    tags(server, ACME_TAGS, "ab", '</v2/acme/app/tags/list?n=2>; title="a, b"; rel="first", </help>; rel="help"')
    assert "link" not in (await facade_client.request(TAGS)).headers
    tags(server, ACME_TAGS, "ab", '</v2/acme/app/tags/list>; rel="first", <?last=b>; rel="next"')
    assert (await facade_client.request(TAGS)).headers["link"] == '</v2/team/app/tags/list?last=b>; rel="next"'


@pytest.mark.parametrize("path", [TAGS, REFERRERS])
async def test_r14_4_pages_at_a_path_that_only_the_proxy_knows_are_one_list(
    facade_client: FacadeClient, server: FaultyServer, path: str
) -> None:
    key = "tags" if path == TAGS else "manifests"
    entries = [{"digest": DIGEST, "size": number} if key == "manifests" else f"t{number}" for number in range(5)]
    links = ["/pages/2", f"{server.url}/pages/3;x=y", None]
    for place, page, link in zip((UPSTREAM[path], *("/pages/2", "/pages/3;x=y")), range(3), links, strict=True):
        content = {"name": "acme/app", "schemaVersion": 2, key: entries[page * 2 : page * 2 + 2]}
        sent = {"Content-Type": INDEX, "OCI-Filters-Applied": "artifactType"}
        server.answers(
            place, 200, {**sent, **({"Link": f'<{link}>; rel="next"'} if link else {})}, json.dumps(content).encode()
        )

    answer = await facade_client.request(f"{path}?n=2")

    assert answer.json()[key] == entries
    assert "link" not in answer.headers
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.headers["oci-filters-applied"] == "artifactType"
    assert server.paths() == [f"{UPSTREAM[path]}?n=2", "/pages/2", "/pages/3;x=y"]
    assert len({asked.headers["Authorization"] for asked in server.requests}) == 1


async def test_r14_4_from_there_back_to_the_lists_own_endpoint(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    def list_of(exchange: Exchange) -> None:
        is_first = "?" not in exchange.request.path
        page = {"name": "acme/app", "tags": ["a"] if is_first else ["c"]}
        link = {"Link": '</pages/2>; rel="next"'} if is_first else {}
        exchange.answer(200, {"Content-Type": "application/json", **link}, json.dumps(page).encode())

    server.on(ACME_TAGS, list_of)
    tags(server, "/pages/2", "b", '<http://internal/x/v2/app/tags/list?last=b>; rel="next"')
    assert (await facade_client.request(TAGS)).json()["tags"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ('<https://elsewhere.example/pages/2>; rel="next"', "is at an address of no use here"),
        ('<http://[>; rel="next"', "is at an address of no use here"),
        ('<ftp://x/y>; rel="next"', "is at an address of no use here"),
        ("nonsense", "its Link header can't be read"),
        (f'<?last={"x" * 9_000}>; rel="next"', "its Link header can't be read"),
        ('</v2/acme/app/tags/list?n=2>; rel="next"', "it names the page itself"),
        ('</gone>; rel="next"', "answered with status 404"),
        ('</round>; rel="next"', "does not end"),
        ('</again>; rel="next"', "it names the page itself"),
        ('</page>; rel="next"', "did not answer in JSON"),
        ('</huge>; rel="next"', "more than 4194304 bytes"),
        ('</away>; rel="next"', "answered with status 307"),
    ],
)
async def test_r14_4_a_list_never_ends_early_in_silence(
    facade_client: FacadeClient, server: FaultyServer, link: str, words: str
) -> None:
    tags(server, ACME_TAGS, "ab", link)
    tags(server, "/round", "c", '</turn>; rel="next"')
    tags(server, "/turn", "d", '</round>; rel="next"')
    tags(server, "/again", "c", '</again>; rel="next"')
    server.answers("/page", 200, {"Content-Type": "text/html"}, b"<html>")
    tags(server, "/huge", ["x" * 4_194_304])
    server.answers("/away", 307, {"Location": "http://127.0.0.2:1/x"})
    answer = await facade_client.request(f"{TAGS}?n=2&ns=docker.io")
    assert answer.error[:2] == (502, "UNAVAILABLE")
    assert words in answer.error[2]


@pytest.mark.parametrize("names", [None, []])
async def test_r14_4_an_empty_page_that_names_itself_is_the_last(
    facade_client: FacadeClient, server: FaultyServer, names: list[str] | None
) -> None:
    tags(server, ACME_TAGS, names, '</v2/acme/app/tags/list?last=z>; rel="next"')
    answer = await facade_client.request(f"{TAGS}?last=z")
    assert (answer.status, answer.json()["tags"]) == (200, names)
    assert "link" not in answer.headers


@pytest.mark.parametrize("body", [b"", b"[]", b'{"tags":"a"}', b"<html>", b"[" * 100_000])
async def test_r14_4_what_is_no_list_is_not_handed_on(
    facade_client: FacadeClient, server: FaultyServer, body: bytes
) -> None:
    server.answers(ACME_TAGS, 200, {"Content-Type": "application/json"}, body)
    assert (await facade_client.request(TAGS)).error[:2] == (502, "UNAVAILABLE")


async def test_r14_4_a_long_list_is_renamed_unread(facade_client: FacadeClient, server: FaultyServer) -> None:
    entries = ",".join(f'"{number:0100}"' for number in range(12_000))
    for body, renamed in [
        (f'{{"name":"acme/app","tags":[{entries}]}}', f'{{"name":"team/app","tags":[{entries}]}}'),
        (f'{{"tags":[{entries}],"name":"acme/app"}}', f'{{"tags":[{entries}],"name":"team/app"}}'),
    ]:
        server.answers(ACME_TAGS, 200, {"Content-Type": "application/json"}, body.encode())
        assert (await facade_client.request(TAGS)).body == renamed.encode()


async def test_r14_4_pages_of_numbers_that_json_cannot_hold(facade_client: FacadeClient, server: FaultyServer) -> None:
    link = {"Content-Type": "application/json", "Link": '</pages/2>; rel="next"'}
    server.answers(ACME_TAGS, 200, link, b'{"tags":["a"],"size":1e999}')
    tags(server, "/pages/2", "b")
    assert (await facade_client.request(TAGS)).error[:2] == (502, "UNAVAILABLE")
