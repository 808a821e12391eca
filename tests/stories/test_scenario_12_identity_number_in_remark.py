"""Scenario 12: an identity number in a remark is sealed; in a code or an id it is refused."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from domain.record import RecordCorrected, RetentionAssigned
from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.errors import MunimentError, RefusedError
from ledger.signing import Proposal
from tests.ledger.ledgers import Firm, collect_files

NUMBER = "11010519491231002X"
NAME = "诸葛问天"
REMARK = f"客户{NAME}来电更正, 身份证 {NUMBER}"


def files_with(folder: Path, needles: dict[str, bytes]) -> list[tuple[str, str]]:
    """Which files of a folder hold which of these, in their content or their name."""
    found = []
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        data += str(path.relative_to(folder)).encode()
        found += [(path.name, what) for what, needle in needles.items() if needle in data]
    return found


def spellings(text: str) -> dict[str, bytes]:
    """A text as it might be written into a file by mistake."""
    plain = text.encode("utf-8")
    return {
        f"{text} utf-8": plain,
        f"{text} utf-16": text.encode("utf-16-le"),
        f"{text} gb18030": text.encode("gb18030"),
        f"{text} base64": base64.b64encode(plain)[: len(plain) * 4 // 3 - 3],
        f"{text} hex": plain.hex().encode(),
        f"{text} json": text.encode("unicode_escape"),
    }


def test_a_remark_is_found_nowhere_in_clear_and_can_be_read_again(
    firm: Firm, tmp_path: Path
) -> None:
    with firm.open() as ledger:
        admin, second = ledger.acting(firm.founded.actor), ledger.acting(firm.second)
        (collected,) = collect_files(ledger, admin, tmp_path / "合同")
        said = acts.review(collected.record, ["accuracy"], "fail", remark=REMARK)
        receipt = ledger.act(second, [said])
        ledger.sign_checkpoint()
        needles = {**spellings(NUMBER), **spellings(NAME), **spellings("第0号保洁合同")}
        assert files_with(firm.path, needles) == [], "while the write-ahead log is there"
        assert ledger.unseal(receipt.first, receipt.events[0]) == {"remark": REMARK}
    assert files_with(firm.path, needles) == []
    assert files_with(tmp_path / "合同", spellings("第0号保洁合同")), "the search does find"


def test_an_identity_number_in_a_code_is_refused_and_not_repeated(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    (collected,) = collect_files(ledger, admin, tmp_path / "合同")
    fields = {
        "rules": [f"r.{NUMBER.lower()}"], "trigger": "contract_ended",
        "trigger_date": "2026-01-31", "permanent": False, "conflict": False, "action": "review",
    }  # fmt: skip
    with pytest.raises(RefusedError) as refused:
        ledger.act(admin, [Proposal(RetentionAssigned, collected.record, fields)])
    assert "I-02 no_plaintext_pii (code_looks_personal)" in refused.value.message
    assert NUMBER.lower() not in refused.value.message.lower()


@pytest.mark.parametrize("wrong", [f"record-{NUMBER.lower()}", NUMBER, NAME])
def test_an_identity_number_or_a_name_where_an_id_stands_is_refused_and_not_repeated(
    ledger: Ledger, admin: Acting, second_person: Acting, wrong: str, tmp_path: Path
) -> None:
    (collected,) = collect_files(ledger, admin, tmp_path / "合同")
    fields = {"supersedes": wrong, "holding": wrong, "size": 1, "items": 1,
              "reason": "recording_error"}  # fmt: skip
    said = Proposal(RecordCorrected, collected.record, fields, {"content": "0" * 64})
    before = ledger.seen()
    with pytest.raises(MunimentError) as refused:
        ledger.act(admin, [said])
    assert wrong not in str(refused.value)
    assert ledger.seen() == before
