"""The grammar of the doctor's question."""

from __future__ import annotations

import pytest

from routing.core.grammar.echo import ECHO_PATH, MAX_PADDING_BYTES, EchoQuestion, parse_echo_path

NONCE, SIGNATURE = "0f" * 16, "aB-_" * 10 + "xyz"


def test_a_question_and_its_path_are_the_same() -> None:
    question = EchoQuestion(1_764_200_000, MAX_PADDING_BYTES, NONCE, SIGNATURE)

    assert question.path == f"{ECHO_PATH}1764200000.8192.{NONCE}.{SIGNATURE}"
    assert parse_echo_path(question.path) == question
    assert question.signed_text == f"1764200000.8192.{NONCE}"
    assert EchoQuestion(1, 2, NONCE) == EchoQuestion(1, 2, NONCE, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"1.0.{NONCE}",
        f"1.8193.{NONCE}.{SIGNATURE}",
        f"-1.0.{NONCE}.{SIGNATURE}",
        f"{'1' * 13}.0.{NONCE}.{SIGNATURE}",
        f"1.0.{NONCE[:-1]}.{SIGNATURE}",
        f"1.0.{NONCE.upper()}.{SIGNATURE}",
        f"1.0.{NONCE}.{SIGNATURE}a",
        f"1.0.{NONCE}.{SIGNATURE}\n",
        f"\u0661.0.{NONCE}.{SIGNATURE}",
        f"1.0.{NONCE}.{SIGNATURE}/x",
    ],
)
def test_everything_else_is_no_question(text: str) -> None:
    assert parse_echo_path(ECHO_PATH + text) is None


def test_nor_is_it_one_at_another_path() -> None:
    token = f"1.0.{NONCE}.{SIGNATURE}"

    assert parse_echo_path(token) is None
    assert parse_echo_path(f"/{token}") is None
    assert parse_echo_path(ECHO_PATH + token) is not None
