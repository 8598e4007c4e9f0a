"""Copy plans: pinned, quoted, and of the grammar that shells and YAML have."""

from __future__ import annotations

import json
import re
import shlex
import subprocess

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.verification.copy_plan import Copy, Repositories, Tool, copy_plan

DIGEST = f"sha256:{'a' * 64}"
OTHER = f"sha256:{'b' * 64}"
PAIR = Repositories("https://registry-1.docker.io", "acme/app", "https://ghcr.io", "acme/app")
SCRIPTS = [Tool.REGCTL, Tool.CRANE, Tool.SKOPEO]
ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
# Of what YAML takes at all.
PRINTED = st.text(st.characters(max_codepoint=0xD7FF, exclude_categories=["Cc"]), min_size=1, max_size=30)


def commands(script: str) -> list[list[str]]:
    return [shlex.split(line) for line in script.splitlines() if line.startswith("copy ")]


@pytest.mark.parametrize("tool", SCRIPTS)
def test_what_is_copied_is_pinned_by_its_digest(tool: Tool) -> None:
    scheme = "docker://" if tool is Tool.SKOPEO else ""

    script = copy_plan(tool, "a report", [Copy(PAIR, "1.0", DIGEST), Copy(PAIR, OTHER, OTHER)], [PAIR])

    assert commands(script) == [
        ["copy", f"{scheme}docker.io/acme/app@{DIGEST}", f"{scheme}ghcr.io/acme/app:1.0"],
        ["copy", f"{scheme}docker.io/acme/app@{OTHER}", f"{scheme}ghcr.io/acme/app@{OTHER}"],
    ]


@pytest.mark.parametrize("tool", SCRIPTS)
def test_what_refers_to_an_image_is_copied_by_its_own_digest_and_signatures_by_their_tag(tool: Tool) -> None:
    tag = f"sha256-{'c' * 64}"
    copies = [Copy(PAIR, "1.0", DIGEST, True), Copy(PAIR, f"{tag}.sig", OTHER, True), Copy(PAIR, tag, OTHER, True)]

    destinations = [words[2].removeprefix("docker://") for words in commands(copy_plan(tool, "", copies, [PAIR]))]

    assert destinations == [
        f"ghcr.io/acme/app@{DIGEST}",
        f"ghcr.io/acme/app:{tag}.sig",
        f"ghcr.io/acme/app:{tag}",
    ]


@pytest.mark.parametrize("tool", SCRIPTS)
def test_the_same_is_copied_once(tool: Tool) -> None:
    assert len(commands(copy_plan(tool, "", [Copy(PAIR, "1.0", DIGEST)] * 2, [PAIR]))) == 1


@pytest.mark.parametrize("tool", SCRIPTS)
def test_where_nothing_is_missing_the_script_says_so(tool: Tool) -> None:
    assert _run(copy_plan(tool, "", [], [PAIR])).stdout == "nothing has to be copied\n"


def test_a_copy_that_fails_is_told_and_the_others_go_on() -> None:
    copies = [Copy(PAIR, "1.0", DIGEST), Copy(PAIR, "2.0", OTHER)]
    # crane is not there, and so each of them fails.
    done = _run(copy_plan(Tool.CRANE, "", copies, [PAIR]))

    assert done.returncode == 1
    assert done.stderr.count("not copied: docker.io/acme/app@") == 2


@pytest.mark.parametrize("tool", SCRIPTS)
def test_plain_http_is_said_to_the_tool(tool: Tool) -> None:
    plain = PAIR._replace(new_origin="http://127.0.0.1:5000")

    script = copy_plan(tool, "", [Copy(plain, "1.0", DIGEST)], [plain])

    wanted = {
        Tool.REGCTL: "regctl registry set --tls disabled 127.0.0.1:5000",
        Tool.CRANE: "crane copy --insecure ",
        Tool.SKOPEO: "--dest-tls-verify=false",
    }
    assert wanted[tool] in script
    assert "src-tls-verify" not in script


@settings(max_examples=60, deadline=None)
@given(tool=st.sampled_from(SCRIPTS), host=ANY, name=ANY, reference=ANY, title=ANY)
def test_no_name_becomes_a_command(tool: Tool, host: str, name: str, reference: str, title: str) -> None:
    """The grammar lets none of these through; a plan would stay harmless if it did."""
    pair = Repositories(f"http://{host}", name, "https://ghcr.io", name)
    harmless = (
        re.sub(r"[\0\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", "", f"{host}{name}{reference}") == f"{host}{name}{reference}"
    )

    script = copy_plan(tool, title, [Copy(pair, reference, DIGEST)], [pair])

    if "\0" not in script:
        done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr
    if harmless:
        (words,) = commands(script)
        assert words[1].removeprefix("docker://") == f"{host}/{name}@{DIGEST}"
        comments = [line for line in script.splitlines() if line.startswith("#")]
        assert len(comments) == 2 + {Tool.REGCTL: 2, Tool.CRANE: 3, Tool.SKOPEO: 4}[tool]


@settings(max_examples=60, deadline=None)
@given(host=PRINTED, name=PRINTED, title=ANY)
def test_a_regsync_file_holds_names_as_yaml_takes_them(host: str, name: str, title: str) -> None:
    pair = Repositories(f"http://{host}", name, "https://ghcr.io", "acme/app")

    document = yaml.safe_load(copy_plan(Tool.REGSYNC, title, [], [pair, pair]))

    assert document["version"] == 1
    assert [(each["source"], each["target"]) for each in document["sync"]] == [(f"{host}/{name}", "ghcr.io/acme/app")]
    assert document["creds"] == [{"registry": host, "tls": "disabled"}]
    assert document["sync"][0] | {"referrers": True, "digestTags": True, "type": "repository"} == document["sync"][0]


def _run(script: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/nowhere"}
    return subprocess.run(["/bin/sh"], input=script, text=True, capture_output=True, env=env, timeout=20, check=False)


def test_json_is_what_names_are_written_in() -> None:
    assert json.dumps("docker.io/acme/app") in copy_plan(Tool.REGSYNC, "", [], [PAIR])
