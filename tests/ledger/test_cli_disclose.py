"""`muniment disclose` at the desk: one field out of the house, and checked by a stranger."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


@pytest.fixture
def record(deal: Deal) -> str:
    """A classified contract that Zhou may export."""
    record = deal.collect()
    deal.classify(record)
    deal.did(
        "access", "grant", "--actor", deal.zhou, "--record", record, "--mode", "export",
        "--purpose", "dispute", "--from", "2026-01-01T00:00:00Z", "--until", "2099-12-31T00:00:00Z",
    )  # fmt: skip
    return record


def export(deal: Deal, record: str, *more: str) -> Path:
    out = deal.home / "opening.json"
    deal.did("disclose", "export", f"{record}/1", "--field", "title", "--purpose", "dispute", "-o",
             str(out), "--as", deal.zhou, *more)  # fmt: skip
    return out


def key(deal: Deal) -> str:
    return str(deal.firm.path / "trust" / "ledger.vkey")


def test_a_stranger_with_the_key_checks_the_file(deal: Deal, record: str) -> None:
    out = export(deal, record)
    said = deal.json("disclose", "verify", str(out), "--trust", key(deal), MUNIMENT_LEDGER=None,
                     MUNIMENT_PASSPHRASE_FILE=None)  # fmt: skip
    assert said["valid"] is True
    assert said["fields"] == [{"path": "title", "value": "合同.txt", "valid": True, "cause": ""}]
    assert said["event"] == f"{record}/1"
    assert "张三" not in out.read_text(encoding="utf-8")
    for language, word in (("zh", "合同.txt"), ("en", "valid")):
        shown = deal.did("disclose", "verify", str(out), "--trust", key(deal), "--lang", language)
        assert word in shown


def test_another_value_is_named_and_the_exit_code_says_so(deal: Deal, record: str) -> None:
    out = export(deal, record)
    forged = out.read_text(encoding="utf-8").replace("合同.txt", "收据.txt")
    out.write_text(forged, encoding="utf-8")
    result = deal.run("disclose", "verify", str(out), "--trust", key(deal), "--lang", "en")
    assert result.exit_code == 3
    assert "INVALID: the event committed to another text" in result.stdout


def test_a_file_that_is_none_is_refused(deal: Deal, record: str) -> None:
    out = export(deal, record)
    out.write_bytes(out.read_bytes()[:-1])
    deal.error("disclose", "verify", str(out), "--trust", key(deal), code=3)
    for file in ("nowhere", str(deal.home)):
        deal.error("disclose", "verify", file, "--trust", key(deal), code=2)
    deal.error("disclose", "verify", str(out), "--trust", str(out), code=2)


def test_an_export_is_on_record_and_a_refusal_too(deal: Deal, record: str) -> None:
    export(deal, record, "--ticket", "T-9")
    (row,) = deal.json("access", "log", "--record", record)
    assert (row["outcome"], row["mode"], row["purpose"]) == ("allowed", "export", "dispute")
    result = deal.run("disclose", "export", f"{record}/1", "--field", "title", "--purpose",
                      "marketing", "-o", "no.json", "--as", deal.zhou)  # fmt: skip
    assert result.exit_code == 13
    assert "on record" in result.stderr or "登记" in result.stderr
    assert not Path("no.json").exists()
    assert [r["outcome"] for r in deal.json("access", "log")] == ["allowed", "denied"]


def test_wrong_calls_record_nothing(deal: Deal, record: str) -> None:
    there = deal.home / "there"
    there.write_text("x")
    before = deal.json("status")["events"]
    for event, field, out in (
        (f"{record}/1", "nonsense", "o.json"), (f"{record}/9", "title", "o.json"),
        ("张三", "title", "o.json"), (f"{record}/1", "title", "nowhere/o.json"),
        (f"{record}/1", "title", str(there)),
    ):  # fmt: skip
        result = deal.run("disclose", "export", event, "--field", field, "--purpose", "dispute",
                          "-o", out, "--as", deal.zhou)  # fmt: skip
        assert result.exit_code == 2
        assert "张三" not in result.stderr
    assert deal.json("status")["events"] == before
    assert there.read_text() == "x"
