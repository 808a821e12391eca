"""What lies in the vault, used: handed out under a grant, destroyed with its key, and gone."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.collecting import Collected, Terms, collect
from ledger.effects import vaulting
from ledger.effects.destroying import copies_of
from ledger.effects.handing_out import HandedOut, access
from ledger.effects.places import place_of, plain
from ledger.errors import MunimentError, VerificationError
from ledger.rebuild import check
from ledger.stream import CHUNK_BYTES
from ledger.vault import Vault
from ledger.verification.stored import verify_folder
from tests.ledger.crews import (
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    outcomes,
    results,
    site_fixture,  # noqa: F401
)
from tests.ledger.granting import WANTED, classified, grant
from tests.ledger.ledgers import add_person

CONTENT = "甲方: 王小明, 每周保洁两次".encode()
TABLE = "编号,姓名\n1,张三\n2,李四\n3,王五\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the firm's files are."""
    made = tmp_path / "客户资料"
    made.mkdir()
    return made


def taking_in(ledger: Ledger, acting: Acting, folder: Path, **terms: Any) -> list[str]:
    about = Terms("contract", "pipl_13_2_contract", "店主", ledger.routine(), vault="ssd", **terms)
    taken = collect(ledger, acting, [folder], about)
    return [one.record for one in taken if isinstance(one, Collected)]


def stored(ledger: Ledger) -> list[str]:
    with ledger.engine.connect() as connection:
        return [copy.holding for copy in vaulting.encrypted_copies(connection) if copy.there]


def handed(
    ledger: Ledger, admin: Acting, record: str, out: io.BytesIO | None = None, **more: Any
) -> tuple[bytes, HandedOut]:
    """What a clerk with a grant gets."""
    classified(ledger, admin, record)
    clerk = add_person(ledger, admin, admin.state.party, ("counsel",))
    grant(ledger, admin, clerk)
    out = out or io.BytesIO()
    done = access(ledger, clerk, record, WANTED, out, **more)
    return out.getvalue(), done


# -- handed out ---------------------------------------------------------------------------------


def test_the_copy_in_the_vault_is_handed_out_like_a_file(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    data = CONTENT * 100_000  # several chunks
    (folder / "合同.bin").write_bytes(data)
    (record,) = taking_in(ledger, admin, folder)
    (copy,) = stored(ledger)
    given, done = handed(ledger, admin, record, holding=copy)
    assert (given, done.holding, done.intact, done.size) == (data, copy, True, len(data))


def test_where_the_file_is_gone_the_copy_in_the_vault_is_what_is_read(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    (folder / "合同.txt").write_bytes(CONTENT)
    (record,) = taking_in(ledger, admin, folder)
    original = acts.record_state(ledger, record).holdings[0]
    (folder / "合同.txt").unlink()
    given, done = handed(ledger, admin, record)
    assert (given, done.intact) == (CONTENT, True)
    assert done.holding in stored(ledger)
    assert done.passed_over == [(original, "vanished")]


def test_where_the_file_was_changed_the_copy_in_the_vault_is_what_is_read(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    (folder / "合同.txt").write_bytes(CONTENT)
    (record,) = taking_in(ledger, admin, folder)
    original = acts.record_state(ledger, record).holdings[0]
    (folder / "合同.txt").write_bytes("甲方: 别人".encode())
    given, done = handed(ledger, admin, record)
    assert (given, done.intact) == (CONTENT, True)
    assert done.passed_over == [(original, "changed_since_recorded")]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
@pytest.mark.parametrize("name", ["名单.csv", "名单.tsv"])
def test_a_row_is_handed_out_of_a_table_in_the_vault(
    ledger: Ledger, admin: Acting, folder: Path, shared: bool, encoding: str, name: str
) -> None:
    text = TABLE.replace(",", "\t") if name.endswith("tsv") else TABLE
    (folder / name).write_text(text, encoding=encoding)
    found = taking_in(ledger, admin, folder, rows=True, shared_key=shared)
    (copy,) = stored(ledger)
    assert b"".join(plain(ledger, place_of(ledger, copy))) == (folder / name).read_bytes()
    (folder / name).unlink()
    given, done = handed(ledger, admin, found[1])
    assert given == '["2","李四"]'.encode()
    assert (done.holding, done.intact) == (copy, True)


def test_a_damaged_object_is_passed_over_and_alone_not_handed_out(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    (folder / "合同.txt").write_bytes(CONTENT)
    (record,) = taking_in(ledger, admin, folder)
    (copy,) = stored(ledger)
    path = Path(os.fsdecode(place_of(ledger, copy).path))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    out = io.BytesIO()
    with pytest.raises(MunimentError, match="changed_since_recorded"):
        handed(ledger, admin, record, out, holding=copy)
    assert out.getvalue() == b""


def test_an_object_that_is_damaged_while_it_is_handed_out_gives_no_byte_of_what_was_changed(
    ledger: Ledger, admin: Acting, folder: Path, tmp_path: Path
) -> None:
    """It was whole when it was read for its digest; a file that was asked for is not made."""
    data = CONTENT * 100_000
    (folder / "合同.bin").write_bytes(data)
    (record,) = taking_in(ledger, admin, folder)
    (copy,) = stored(ledger)
    path = Path(os.fsdecode(place_of(ledger, copy).path))
    whole = path.read_bytes()

    class Damaging(io.BytesIO):
        def write(self, piece: Any, /) -> int:
            if not self.tell():
                path.write_bytes(whole[:-9] + bytes(9))
            return super().write(piece)

    out = Damaging()
    with pytest.raises(VerificationError):
        handed(ledger, admin, record, out, holding=copy)
    assert out.getvalue() == data[: len(out.getvalue())]
    assert len(out.getvalue()) <= len(data) // CHUNK_BYTES * CHUNK_BYTES


def test_without_its_key_nothing_is_handed_out(ledger: Ledger, admin: Acting, folder: Path) -> None:
    (folder / "合同.txt").write_bytes(CONTENT)
    (record,) = taking_in(ledger, admin, folder)
    (copy,) = stored(ledger)
    ledger.keystore.shred(place_of(ledger, copy).key)
    with pytest.raises(MunimentError, match="erased"):
        handed(ledger, admin, record, holding=copy)


# -- destroyed ----------------------------------------------------------------------------------


def bytes_under(path: Path) -> bytes:
    """Every byte of every file, SQLite's free pages among them."""
    return b"\n".join(p.read_bytes() for p in path.rglob("*") if p.is_file())


def executed(site: Site, items: Sequence[str]) -> str:
    case = site.approved(items)
    assert set(outcomes(site.execute(case)).values()) == {("destroyed", "removed")}
    return case


def kept_keys(ledger: Ledger, holdings: Sequence[str]) -> list[tuple[str, bytes]]:
    """The data keys of copies, wrapped as they lie in the keystore's file, and open."""
    ids = [place_of(ledger, holding).key for holding in holdings]
    return [(key, ledger.keystore.key(key)) for key in ids]


def test_after_a_destruction_neither_content_nor_key_is_anywhere(site: Site, folder: Path) -> None:
    ledger = site.ledger
    (folder / "小.txt").write_bytes(CONTENT)
    (folder / "大.bin").write_bytes(CONTENT * 100_000)
    records = taking_in(ledger, site.wang, folder)
    site.ripen(records)
    items = copies_of(ledger, records)
    assert len(items) == 4
    copies = stored(ledger)
    keys = kept_keys(ledger, copies)
    paths = [Path(os.fsdecode(place_of(ledger, item).path)) for item in items]
    ciphertexts = [place_of(ledger, copy).path for copy in copies]
    needles = [Path(os.fsdecode(path)).read_bytes()[-64:] for path in ciphertexts]
    slots = (site.crew.firm.path / "keystore" / "slots").read_bytes()
    wrapped = [slots[(at := slots.index(bytes.fromhex(key[4:].replace("-", "")))) + 28 : at + 76]
               for key, _ in keys]  # fmt: skip
    case = executed(site, items)
    assert not any(path.exists() for path in paths)
    assert set(results(site.verify(case)).values()) == {("pass", "gone")}
    site.certify(case)
    for key, _ in keys:
        assert ledger.keystore.state(key) == "erased"
    ledger.close()
    everything = bytes_under(site.crew.firm.path)
    for needle in (CONTENT, *needles, *wrapped, *(key for _, key in keys)):
        assert needle not in everything
    assert verify_folder(site.crew.firm.open(writing=False).folder).verdict == "valid"


def test_the_object_is_overwritten_before_it_is_removed(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "合同.txt").write_bytes(CONTENT)
    records = taking_in(site.ledger, site.wang, folder)
    site.ripen(records)
    (copy,) = stored(site.ledger)
    path = Path(os.fsdecode(place_of(site.ledger, copy).path))
    left: dict[str, bytes] = {}
    real = os.rename

    def seen(source: Any, target: Any, **options: Any) -> None:
        if source == os.fsencode(path.name):
            left["object"] = path.read_bytes()
        real(source, target, **options)

    monkeypatch.setattr(os, "rename", seen)
    size = path.stat().st_size
    executed(site, copies_of(site.ledger, records))
    assert left["object"] == bytes(size)


def test_an_object_put_back_by_its_operator_is_seen_and_cannot_be_read(
    site: Site, folder: Path
) -> None:
    """The ciphertext alone is worth nothing, and is found all the same."""
    (folder / "合同.txt").write_bytes(CONTENT)
    records = taking_in(site.ledger, site.wang, folder)
    site.ripen(records)
    (copy,) = stored(site.ledger)
    path = Path(os.fsdecode(place_of(site.ledger, copy).path))
    data = path.read_bytes()
    case = executed(site, copies_of(site.ledger, records))
    path.write_bytes(data)
    assert vaulting.check(site.ledger).failed == [(copy, "still_there")]
    assert results(site.verify(case))[copy] == ("fail", "still_there")
    assert outcomes(site.execute(case)) == {copy: ("destroyed", "removed")}
    assert set(results(site.verify(case)).values()) == {("pass", "gone")}


def test_an_object_that_was_changed_is_not_destroyed_in_its_place(site: Site, folder: Path) -> None:
    (folder / "合同.txt").write_bytes(CONTENT)
    records = taking_in(site.ledger, site.wang, folder)
    site.ripen(records)
    (copy,) = stored(site.ledger)
    path = Path(os.fsdecode(place_of(site.ledger, copy).path))
    path.write_bytes(b"something else")
    case = site.approved(copies_of(site.ledger, records))
    done = outcomes(site.execute(case))
    assert done[copy] == ("unknown", "changed_since_recorded")
    assert path.read_bytes() == b"something else"


def test_only_the_copy_in_the_vault_goes_and_the_record_lives_on_in_its_file(
    site: Site, folder: Path
) -> None:
    ledger = site.ledger
    (folder / "合同.txt").write_bytes(CONTENT)
    (record,) = taking_in(ledger, site.wang, folder)
    site.ripen([record])
    (copy,) = stored(ledger)
    (key, _), = kept_keys(ledger, [copy])  # fmt: skip
    original = acts.record_state(ledger, record).holdings[0]
    case = executed(site, [copy])
    assert set(results(site.verify(case)).values()) == {("pass", "gone")}
    assert ledger.keystore.state(key) == "erased"
    assert b"".join(plain(ledger, place_of(ledger, original))) == CONTENT
    assert Vault(ledger.folder.path).path_of(place_of(ledger, original).digest).exists() is False
    with ledger.engine.connect() as connection:
        assert check(connection) == []


def test_only_the_file_goes_and_the_record_lives_on_in_the_vault(site: Site, folder: Path) -> None:
    ledger = site.ledger
    (folder / "合同.txt").write_bytes(CONTENT)
    (record,) = taking_in(ledger, site.wang, folder)
    site.ripen([record])
    original = acts.record_state(ledger, record).holdings[0]
    case = executed(site, [original])
    assert results(site.verify(case)) == {original: ("pass", "gone")}
    (copy,) = stored(ledger)
    given, done = handed(ledger, site.wang, record)
    assert (given, done.holding) == (CONTENT, copy)
