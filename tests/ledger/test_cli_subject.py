"""`muniment subject` at the desk: people found by an identifier that nobody sees on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm

ZHANG = "13812345678"


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


@pytest.fixture
def record(deal: Deal) -> str:
    """A contract with Zhang's number in it."""
    return deal.collect("合同.txt", f"联系电话 {ZHANG[:3]}-{ZHANG[3:7]}-{ZHANG[7:]}")


def slip(deal: Deal, text: str = ZHANG) -> str:
    """A slip of paper with an identifier on it."""
    file = deal.home / "slip"
    file.write_text(f"{text}\n", encoding="utf-8")
    return str(file)


def found(deal: Deal, text: str = ZHANG) -> Any:
    return deal.json("subject", "find", "--identifier-file", slip(deal, text))


def test_somebody_is_found_after_the_records_were_looked_through(deal: Deal, record: str) -> None:
    assert found(deal) == []
    (outcome,) = deal.json("subject", "index", "--all")
    assert outcome == {"record": record, "count": 1, "outcome": "indexed", "found": 1}
    (row,) = found(deal, "+86 138 1234 5678")
    assert (row["record"], row["rows"]) == (record, [])
    assert deal.json("subject", "index", "--all") == []
    assert deal.json("subject", "index", record[-8:], "--again")[0]["found"] == 1


def test_the_identifier_may_come_from_the_environment_or_standard_input(
    deal: Deal, record: str
) -> None:
    deal.did("subject", "index", record)
    (row,) = deal.json("subject", "find", MUNIMENT_IDENTIFIER_FILE=slip(deal))
    assert row["record"] == record
    from click.testing import CliRunner

    from ledger.cli import muniment

    done = CliRunner().invoke(
        muniment, ["subject", "find", "--identifier-file", "-", "--json"],
        env=deal.environment, input=ZHANG,
    )  # fmt: skip
    assert done.exit_code == 0
    assert record in done.stdout


@pytest.mark.parametrize(
    "given", [["find", ZHANG], ["report", ZHANG], ["index", ZHANG], ["find", "--identifier", ZHANG]]
)
def test_an_identifier_on_the_command_line_is_refused_and_not_repeated(
    deal: Deal, record: str, given: list[str]
) -> None:
    result = deal.run("subject", *given)
    assert result.exit_code == 2
    assert ZHANG not in result.stdout + result.stderr


def test_nobody_is_asked_where_nobody_sits(deal: Deal, record: str) -> None:
    said = deal.error("subject", "find", code=2)
    assert "never on the command line" in str(said)


@pytest.mark.parametrize("text", ["张三", "138123456789", ""])
def test_what_is_no_identifier_is_refused_and_not_repeated(
    deal: Deal, record: str, text: str
) -> None:
    result = deal.run("subject", "find", "--identifier-file", slip(deal, text))
    assert result.exit_code == 2
    assert not text or text not in result.stdout + result.stderr


def test_a_slip_that_cannot_be_read_is_said(deal: Deal) -> None:
    for named in ("nowhere", str(deal.home)):
        deal.error("subject", "find", "--identifier-file", named, code=2)
    big = deal.home / "big"
    big.write_bytes(b"1" * 5000)
    deal.error("subject", "find", "--identifier-file", str(big), code=2)
    big.write_bytes(b"\xff\xfe\x00")
    deal.error("subject", "find", "--identifier-file", str(big), code=2)


def test_what_cannot_be_read_is_named_and_the_exit_code_says_so(deal: Deal) -> None:
    picture = deal.home / "身份证.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    deal.did("collect", str(picture), "--category", "contract", "--basis", "pipl_13_2_contract",
             "--source", "张三", "--notice", "N-1")  # fmt: skip
    result = deal.run("subject", "index", "--all", "--lang", "zh")
    assert result.exit_code == 4
    assert "unknown_type" in result.stdout
    assert "unknown_type: " in result.stderr, "what the code means is said once"
    assert "身份证" not in result.stdout


def test_index_shows_where_somebody_was_found_and_sums_up_the_rest(deal: Deal, record: str) -> None:
    empty = deal.collect("空.txt", "这里谁也没有")
    gone = deal.collect("没了.txt", "不见了")
    (deal.home / "没了.txt").unlink()
    result = deal.run("subject", "index", "--all", "--lang", "en")
    assert result.exit_code == 4
    assert (record in result.stdout, gone in result.stdout) == (True, True)
    assert empty not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 120
    assert "2 records looked through, 1 identifiers found, 1 not to be read" in result.stderr
    verbose = deal.run("subject", "index", empty, record, "--again", "-v", "--lang", "en")
    assert (verbose.exit_code, empty in verbose.stdout) == (0, True)
    quiet = deal.run("subject", "index", empty, "--again", "--lang", "en")
    assert (quiet.exit_code, quiet.stdout) == (0, "")
    assert [row["record"] for row in deal.json("subject", "index", empty, "--again")] == [empty]


def test_nobody_found_prints_nothing_but_what_that_means(deal: Deal, record: str) -> None:
    result = deal.run("subject", "find", "--identifier-file", slip(deal), "--lang", "en")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nobody was found" in result.stderr
    assert found(deal) == []


def test_the_report_tells_everything_in_both_languages(deal: Deal, record: str) -> None:
    deal.classify(record)
    deal.did("retention", "assign", record, "--trigger", "contract_ended", "--date", "2026-01-31")
    deal.did("hold", "place", "--record", record, "--reason", "litigation", "--authority", "A-1")
    grant = deal.json(
        "access", "grant", "--actor", deal.zhou, "--record", record, "--mode", "view",
        "--purpose", "service_delivery", "--from", "2026-01-01T00:00:00Z",
        "--until", "2099-12-31T00:00:00Z",
    )["grant"]  # fmt: skip
    deal.did("access", "record", record, "--purpose", "service_delivery", "--out",
             str(deal.home / "out.txt"), "--as", deal.zhou)  # fmt: skip
    deal.run("access", "record", record, "--purpose", "marketing", "--out",
             str(deal.home / "no.txt"), "--as", deal.zhou)  # fmt: skip
    deal.introduce(record)
    handover = deal.released(record)
    other = deal.collect("乙.txt", "没有电话")
    deal.did("subject", "index", record)
    told = deal.json("subject", "report", "--identifier-file", slip(deal))
    (row,) = told["records"]
    assert row["record"] == record
    assert [r["kind"] for r in row["accesses"]] == ["allowed", "denied"]
    assert [r["actor"] for r in row["may_access"]] == [deal.zhou]
    assert [r["grant"] for r in row["may_access"]] == [grant]
    assert [(r["handover"], r["to_party"], r["state"]) for r in row["handovers"]] == [
        (handover, deal.buyer, "released")
    ]
    assert [r["reason"] for r in row["holds"]] == ["litigation"]
    assert row["min_until"] is not None
    assert row["periods"][0]["rules"]
    assert row["custody"] == [deal.seller]
    assert told["coverage"]["never"] == 1
    assert other not in str(told)
    subject = told["subjects"][0]
    for language, words in (("zh", "合同"), ("en", "What this report does not cover")):
        said = deal.did("subject", "report", subject, "--lang", language)
        assert words in said
        assert record in said
        assert ZHANG not in said
    assert deal.json("subject", "report", subject)["records"] == told["records"]


def test_the_buyer_is_among_those_who_had_it_after_a_handover(deal: Deal) -> None:
    record = deal.collect("丙.txt", ZHANG)
    deal.classify(record)
    deal.did("retention", "assign", record, "--trigger", "contract_ended", "--date", "2026-01-31")
    deal.did("subject", "index", record)
    deal.introduce(record)
    deal.handed_over(record)
    (row,) = deal.json("subject", "report", "--identifier-file", slip(deal))["records"]
    assert set(row["custody"]) == {deal.seller, deal.buyer}


def test_titles_stay_sealed_without_the_passphrase(deal: Deal, record: str) -> None:
    deal.did("subject", "index", record)
    subject = found(deal)[0]["subject"]
    said = deal.did("subject", "report", subject, MUNIMENT_PASSPHRASE_FILE=None)
    assert "合同.txt" not in said
    assert "合同.txt" in deal.did("subject", "report", subject)


@pytest.mark.parametrize(
    "wrong",
    [["index"], ["index", "--all", "RECORD"], ["index", "ffffffff"],
     ["report", "subject-00000000-0000-7000-8000-000000000000"], ["report", "张三"]],
)  # fmt: skip
def test_wrong_calls_say_how_it_is_said(deal: Deal, record: str, wrong: list[str]) -> None:
    result = deal.run("subject", *[record if part == "RECORD" else part for part in wrong])
    assert result.exit_code == 2
    assert "张三" not in result.stderr
