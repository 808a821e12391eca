"""One row of a customer list leaves the house with its proof; the others stay."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from ledger.errors import VerificationError
from ledger.rowfile import RowFile, row_file, verify_row
from ledger.rowtree import prove as prove_in
from ledger.rowtree import root
from ledger.tlog.note import VerifierKey
from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm
from tests.ledger.signers import signer

ROWS = [("姓名", "电话"), *((f"客户{n}", f"1381234{n:04}") for n in range(1, 40))]
TABLE = "".join(",".join(row) + "\n" for row in ROWS)


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def series(deal: Deal, *more: str, content: bytes = TABLE.encode(), source: str = "店长") -> str:
    """A classified list of 39 customers that Zhou may export rows of."""
    file = deal.home / "客户.csv"
    file.write_bytes(content)
    deal.did("collect", str(file), "--category", "contract", "--basis", "pipl_13_2_contract",
             "--source", source, "--notice", "N-1", *more)  # fmt: skip
    record = str(deal.json("inventory")[-1]["record"])
    deal.classify(record)
    deal.did(
        "access", "grant", "--actor", deal.zhou, "--record", record, "--mode", "export",
        "--purpose", "dispute", "--from", "2026-01-01T00:00:00Z", "--until", "2099-12-31T00:00:00Z",
    )  # fmt: skip
    return record


def prove(deal: Deal, record: str, number: int, name: str = "row.json") -> Path:
    out = deal.home / name
    deal.did("row", "prove", record, str(number), "--purpose", "dispute", "-o", str(out), "--as",
             deal.zhou)  # fmt: skip
    return out


def key(deal: Deal) -> str:
    return str(deal.firm.path / "trust" / "ledger.vkey")


@pytest.mark.parametrize("number", [1, 17, 39])
def test_a_stranger_with_the_key_checks_a_row(deal: Deal, number: int) -> None:
    record = series(deal)
    out = prove(deal, record, number)
    said = deal.json("row", "verify", str(out), "--trust", key(deal), MUNIMENT_LEDGER=None,
                     MUNIMENT_PASSPHRASE_FILE=None)  # fmt: skip
    assert said["cells"] == list(ROWS[number])
    assert (said["number"], said["rows"]) == (number, 39)
    assert said["event"] == f"{record}/1"
    text = out.read_text(encoding="utf-8")
    others = [cell for n, row in enumerate(ROWS) if n not in (0, number) for cell in row]
    assert not [cell for cell in others if f'\\"{cell}\\"' in text]
    shown = deal.did("row", "verify", str(out), "--trust", key(deal), "--lang", "en")
    assert f"{number} / 39" in shown
    assert shown.rstrip().endswith("valid")


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_a_row_is_proved_from_a_table_in_another_encoding(deal: Deal, encoding: str) -> None:
    record = series(deal, content=TABLE.encode(encoding))
    report = verify_row(prove(deal, record, 5).read_bytes(), VerifierKey.parse(trust(deal)))
    assert report.cells == ROWS[5]


def test_a_row_is_proved_from_the_vault_when_the_file_is_gone(deal: Deal) -> None:
    record = series(deal, "--vault")
    (deal.home / "客户.csv").unlink()
    assert prove(deal, record, 3).exists()


def test_a_corrected_series_is_proved_by_its_correction(deal: Deal) -> None:
    record = series(deal)
    file = deal.home / "新.csv"
    file.write_text("姓名,电话\n赵六,13700000000\n", encoding="utf-8")
    deal.did("correct", record, "--file", str(file), "--reason", "content_updated", "--items", "1")
    report = verify_row(prove(deal, record, 1).read_bytes(), VerifierKey.parse(trust(deal)))
    assert report.cells == ("赵六", "13700000000")
    assert report.size == 1


def test_to_prove_a_row_is_an_access_and_needs_a_grant(deal: Deal) -> None:
    record = series(deal)
    prove(deal, record, 3)
    assert "record.accessed" in deal.did("history", record, "--json")
    out = deal.home / "no.json"
    deal.error("row", "prove", record, "3", "--purpose", "marketing", "-o", str(out), "--as",
               deal.zhou, code=13)  # fmt: skip
    assert not out.exists()


def test_there_is_no_row_beyond_the_last_and_none_in_a_contract(deal: Deal) -> None:
    record, out = series(deal), deal.home / "no.json"
    deal.error("row", "prove", record, "40", "--purpose", "dispute", "-o", str(out), "--as",
               deal.zhou, code=2)  # fmt: skip
    deal.error("row", "prove", record, "0", "--purpose", "dispute", "-o", str(out), "--as",
               deal.zhou, code=2)  # fmt: skip
    assert not out.exists()


def test_a_table_that_was_changed_proves_nothing(deal: Deal) -> None:
    record, out = series(deal), deal.home / "no.json"
    (deal.home / "客户.csv").write_text(TABLE.replace("客户7", "客户8"), encoding="utf-8")
    error = deal.error("row", "prove", record, "3", "--purpose", "dispute", "-o", str(out), "--as",
                       deal.zhou, code=1)  # fmt: skip
    assert "changed_since_recorded" in json.dumps(error)
    assert not out.exists()


# -- forgeries --------------------------------------------------------------------------------


def trust(deal: Deal) -> str:
    return Path(key(deal)).read_text(encoding="ascii").strip()


def test_every_forgery_of_a_row_file_is_refused(deal: Deal) -> None:
    record = series(deal)
    data = prove(deal, record, 3).read_bytes()
    other = prove(deal, record, 4, "other.json").read_bytes()
    file, neighbour = (msgspec.json.decode(d, type=RowFile) for d in (data, other))
    vkey = VerifierKey.parse(trust(deal))
    assert verify_row(data, vkey).cells == ROWS[3]

    def forged(**changes: object) -> bytes:
        return msgspec.structs.replace(file, **changes).format()

    opening = json.loads(file.opening)
    shown = opening["fields"][0]
    forgeries = {
        "another row": forged(row='["客户3","13912340003"]'),
        "its neighbour's row": forged(row=neighbour.row),
        "another number": forged(number=4),
        "number 0": forged(number=0),
        "a negative number": forged(number=-1),
        "its neighbour's proof": forged(r=neighbour.r, hashes=neighbour.hashes),
        "no hashes": forged(hashes=()),
        "a hash too many": forged(hashes=(*file.hashes, "00" * 32)),
        "hashes that are none": forged(hashes=("zz", *file.hashes[1:])),
        "another blinding": forged(r="00" * 32),
        "the same row, spelt otherwise": forged(row=file.row.replace(",", ", ")),
        "another root": forged(opening=file.opening.replace(shown["value"], "39 " + "00" * 32)),
        "another size": forged(
            opening=file.opening.replace(shown["value"], "40" + shown["value"][2:])
        ),
        "another spelling": data.replace(b'"muniment"', b' "muniment"'),
        "a second line": data + b"\n",
        "nothing": b"",
        "no JSON": b"\xff" * 100,
        "too much": b" " * (9 << 20),
    }
    for name, forgery in forgeries.items():
        with pytest.raises(VerificationError):
            print(name, verify_row(forgery, vkey))


def test_a_text_that_somebody_chose_is_no_root(deal: Deal) -> None:
    """A seller says as the source what looks like the root over a row that was never there."""
    invented = '["客户1","13999999999"]'.encode()
    top, _size = root([invented], bytes(32))
    record = series(deal, source=f"1 {top.hex()}")
    out = deal.home / "source.json"
    deal.did("disclose", "export", f"{record}/1", "--field", "source", "--purpose", "dispute", "-o",
             str(out), "--as", deal.zhou)  # fmt: skip
    forged = row_file(out.read_bytes(), invented, prove_in([invented], bytes(32), 1))
    with pytest.raises(VerificationError):
        verify_row(forged.format(), VerifierKey.parse(trust(deal)))


def test_another_ledgers_key_does_not_verify_it(deal: Deal) -> None:
    data = prove(deal, series(deal), 3).read_bytes()
    vkey = VerifierKey.parse(trust(deal))
    with pytest.raises(VerificationError):
        verify_row(data, signer(vkey.name).verifier)
