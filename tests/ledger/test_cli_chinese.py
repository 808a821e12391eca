"""Under `--lang zh` nothing that people read is left in English.

Every text that the program can say, whatever says it: messages, refusals, findings, errors, causes.
Commands, options, codes, names of files and formats, and other people's names stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from domain.codes import ENUMERATIONS
from ledger.audit.catalogue import CODES
from ledger.audit.catalogue.gaps import GAPS, WHY
from ledger.audit.report.details import ARTICLES, PARTS
from ledger.bundle.eventwords import CODES as WORDS
from ledger.bundle.eventwords import ENVELOPE, FIELDS, THINGS
from ledger.cli.causes import SYSTEM, every, in_words
from ledger.cli.labels import FINDINGS, KINDS, TOPICS, kind_label
from ledger.cli.language import _, speaking
from ledger.cli.refusals import EXPLANATIONS, explain
from ledger.labels import FIELDS as SEALED
from ledger.offline.findings import CAUSES
from ledger.offline.report import CLAIMS, REASONS
from tests.ledger.catalogue import messages, put_together, spoken_causes, written_texts

NAMES = (
    r"(?:C2SP|Ed25519|ISO|NIST|BagIt|AES|SHA|RFC|Common Name)"  # of others, and left as they are
)


def prose(text: str) -> list[str]:
    """The English words of a text: two in a row, or any where nothing Chinese stands beside them.

    Not counted: code, commands, options, values in capitals, codes with underscores, file names.

    >>> (
    ...     prose("用 muniment draft renew FILE 更新 {name}：--with ACTOR:ROLE"),
    ...     prose("the 账本 is here"),
    ... )
    ([], ['is here'])
    """
    bare = text
    for pattern in (
        r"`[^`]*`", r"\{[^}]*\}",
        r"\b(?:muniment|openssl|pip|eval|chmod)\b(?: [^\s,;:()，；：。（）、]+)*",
        r"--?[a-z][\w-]*(?:[ =](?:[A-Z][\w:.…]*|\w+…))?", r"https?://\S+|[\w.-]+/[\w./*-]+",
        r"\w+(?:[_.:=@+-]\w+)+[:=]?|\w+=|\[\w+\]", NAMES,
    ):  # fmt: skip
        bare = re.sub(pattern, " | ", bare)
    if re.search("[\u4e00-\u9fff]", text):
        return re.findall(r"[A-Za-z][a-z']+(?: [a-z']+)+", bare)
    return re.findall(r"(?<!\w)[A-Za-z][a-z]+", bare)


def left(texts: Iterator[tuple[str, str]]) -> dict[str, str]:
    """Those in which English is left: what is said in English, and what Chinese readers get."""
    return {key: text for key, text in texts if prose(text)}


def test_the_measure_itself_finds_english_and_lets_codes_pass() -> None:
    assert prose("the ledger is damaged") == ["the", "ledger", "is", "damaged"]
    assert prose("账本 ledger.db 已损坏（EIO），见 docs/reference/files.md") == []
    assert prose("条目 3：part event") == ["part event"]
    assert prose("muniment --as 另一人 evidence approve 证据包；the rest") == ["the rest"]


def test_every_message_is_chinese() -> None:
    with speaking("zh"):
        said = [(one if isinstance(one, str) else one[0]) for one in messages()]
        assert left((one, _(one)) for one in said if prose(one)) == {}


@pytest.mark.parametrize("detail", ["sentence", "next step"])
def test_every_refusal_is_chinese(detail: str) -> None:
    with speaking("zh"):
        at = 0 if detail == "sentence" else 1
        assert left((one, explain(one)[at]) for one in EXPLANATIONS) == {}


def test_every_finding_is_chinese() -> None:
    assert left((code, both[0]) for code, both in FINDINGS.items()) == {}
    assert left((code, zh) for code, (_step, _en, zh) in CAUSES.items()) == {}
    for part in ("title", "remedy", "means"):
        assert left((code, getattr(one, part).zh) for code, one in CODES.items()) == {}
    assert left((code, both.zh) for code, both in [*GAPS.items(), *WHY.items()]) == {}


def test_every_label_is_chinese() -> None:
    for table in (TOPICS, SEALED, PARTS, ARTICLES, FIELDS, ENVELOPE, THINGS, WORDS):
        assert left((code, both[0]) for code, both in table.items()) == {}
    for known in ENUMERATIONS.values():
        assert left((value.code, value.zh) for value in known.values) == {}
    for claims in (CLAIMS, REASONS):
        assert left((code, both[1]) for code, both in claims.items()) == {}
    with speaking("zh"):
        assert left((kind, kind_label(kind)) for kind in KINDS) == {}


def test_every_cause_is_chinese() -> None:
    """What findings and parsers say, read from the code, each with a value in its places."""
    with speaking("zh"):
        said = {cause: in_words(cause) for cause in spoken_causes()}
    assert len(said) > 200
    assert left(iter(said.items())) == {}
    assert [cause for cause, text in said.items() if text == cause] == []


def test_no_cause_is_known_that_nobody_says_any_more() -> None:
    written = "\n".join(written_texts())
    given_up = [
        template for template in every() if template not in SYSTEM
        and any(part not in written for part in re.split(r"\{\w+\}", template))
    ]  # fmt: skip
    assert given_up == []


def test_a_cause_inside_a_cause_is_said_too() -> None:
    with speaking("zh"):
        text = in_words("the signature of jiejing.example/ledger fails: an Ed25519 signature has "
                        "64 bytes")  # fmt: skip
    assert text == "jiejing.example/ledger 的签名不成立：Ed25519 签名应为 64 字节"


def test_in_english_a_cause_stays_what_it_is() -> None:
    with speaking("en"):
        assert in_words("the head is not one row") == "the head is not one row"


def test_no_error_is_said_with_words_that_the_catalogue_cannot_know() -> None:
    """A message put together where it is raised would stay English: it is a template or cause."""
    assert [f"{place}: {text}" for place, text in put_together()] == []
