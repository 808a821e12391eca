"""访问记录 in a bundle: whoever gets the evidence reads who saw the record, when and what for."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.ledger.desk import Desk
from tests.ledger.reports import Html, pdf_text

REGISTER = "data/40_报告/访问记录"
LONG = ("--from", "2020-01-01T00:00:00Z", "--until", "2099-01-01T00:00:00Z")
COURT = ("--purpose", "dispute", "--recipient", "court", "--jurisdiction", "cn")


@pytest.fixture
def contract(desk: Desk) -> str:
    """A contract that the reviewer has seen, was refused, and found changed."""
    record = desk.collect(text="甲方: 王小明")
    desk.did("classify", record, "--category", "contract", "--level", "general_3",
             "--sensitivity", "general_pi")  # fmt: skip
    desk.did("access", "grant", "--actor", desk.reviewer, *LONG, "--mode", "view", "--purpose",
             "service_delivery", "--record", record)  # fmt: skip
    seen(desk, record, "service_delivery", 0)
    seen(desk, record, "audit", 13)
    (desk.home / "合同.txt").write_text("changed", encoding="utf-8")
    seen(desk, record, "service_delivery", 0)
    return record


def seen(desk: Desk, record: str, purpose: str, code: int) -> None:
    out = desk.home / "out.txt"
    done = desk.run("access", "record", record, "--purpose", purpose, "--as", desk.reviewer,
                    "--out", str(out))  # fmt: skip
    assert done.exit_code == code, done.stderr
    out.unlink(missing_ok=True)


def register(desk: Desk, *scope: str, documents: bool = False) -> tuple[str, str]:
    """The register as the bundle has it, its HTML and its PDF, as text without spaces."""
    out = desk.home / "evidence.zip"
    more = () if documents else ("--without-documents",)
    desk.did("evidence", "export", *scope, *COURT, "--out", str(out), *more)
    with zipfile.ZipFile(out) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    Path(out).unlink()
    pdf = pdf_text(files[f"{REGISTER}.pdf"]) if documents else ""
    return Html(files[f"{REGISTER}.html"]).text, pdf


def test_every_access_and_every_refusal_is_told_with_its_purpose(desk: Desk, contract: str) -> None:
    html, pdf = register(desk, "--record", contract, documents=True)
    (denied,) = [row for row in desk.json("access", "log") if row["outcome"] == "denied"]
    for text in (html, pdf.replace("\u200b", "")):
        assert denied["rule"] in text
        assert "记录的访问Accessesrecorded3" in text.replace("／", "")
        assert "已允许allowed2" in text
        assert "已拒绝refused1" in text
        assert "与原登记摘要不符" in text
        for label in ("履约服务", "审计", "查看", "审核人"):
            assert label in text
    assert desk.reviewer in html
    (grant,) = desk.json("access", "grants")
    assert grant["grant"] in html
    assert "经本系统进行的访问" in html, "what such a register cannot know"


def test_of_a_person_only_their_own_accesses_are_told(desk: Desk, contract: str) -> None:
    html, _ = register(desk, "--actor", desk.reviewer)
    assert "Accessesrecorded3" in html
    html, _ = register(desk, "--actor", desk.founder)
    assert "Accessesrecorded0" in html
    assert "没有任何访问记录" in html


def test_that_nothing_was_recorded_is_said_with_its_limits(desk: Desk) -> None:
    html, _ = register(desk, "--record", desk.collect("乙.txt", "乙"))
    assert "没有任何访问记录" in html
    assert "经本系统进行的访问" in html


def test_an_access_that_is_withheld_is_counted_as_withheld(desk: Desk, contract: str) -> None:
    (denied,) = [row for row in desk.json("access", "log") if row["outcome"] == "denied"]
    rows = desk.json("history", contract)
    event = next(row["event"] for row in rows if row["type"] == "record.access_denied")
    html, _ = register(desk, "--record", contract, "--withhold", f"{event}=not_needed")
    assert "Accessesrecorded2" in html
    assert "Eventsinscopethatarewithheld1" in html
    assert denied["rule"] not in html
