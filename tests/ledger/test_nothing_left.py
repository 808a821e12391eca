"""After a destruction nothing of it is left where this program could reach, and everything proves.

Every file below the ledger's folder, its backups and the copies of its keystore is searched, with
the pages that SQLite has given back, for what the destroyed records held: the content, their titles
and file names, the data keys as bytes, hex and base64, and the slots that held them, as they were.
"""

from __future__ import annotations

import os
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

from ledger.effects import keycopies
from ledger.effects.backup import create
from ledger.effects.certifying import certificate
from ledger.effects.destroying import copies_of
from ledger.effects.places import place_of
from ledger.slots import id_bytes
from tests.ledger.crews import (
    Crew,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    outcomes,
)
from tests.ledger.tampering import check


def forms(text: str) -> Iterator[bytes]:
    """A text as somebody may have left it behind."""
    for encoding in ("utf-8", "gb18030", "utf-16-le"):
        yield text.encode(encoding)
    yield b64encode(text.encode("utf-8")).rstrip(b"=")


def wrapped(folder: Path, key: str) -> bytes:
    """Nonce and wrapped key of a slot."""
    data = (folder / "slots").read_bytes()
    at = data.index(id_bytes(key), 24)
    return data[at + 16 : at + 76]


class Traces:
    """What must be found nowhere any more, and was found somewhere before."""

    def __init__(self) -> None:
        self.of: dict[str, list[bytes]] = {}

    def text(self, name: str, text: str) -> None:
        self.of[name] = list(forms(text))

    def key(self, site: Site, key: str, *copies: Path) -> None:
        raw = site.ledger.keystore.key(key)
        slots = [wrapped(folder, key) for folder in (site.ledger.folder.keystore, *copies)]
        in_base64 = (encode(raw).rstrip(b"=") for encode in (b64encode, urlsafe_b64encode))
        self.of[f"bytes of {key}"] = [raw, raw.hex().encode(), *in_base64]
        self.of[f"slot of {key}"] = slots

    def sealed(self, site: Site, stream: str) -> None:
        """The ciphertexts of what was said of a copy or a record."""
        with site.ledger.engine.connect() as connection:
            for position, _, event, _ in site.ledger.events_of(stream):
                query = "SELECT ciphertext FROM sealed WHERE position = ?"
                data = connection.exec_driver_sql(query, (position,)).scalar()
                if data is not None:
                    self.of[f"sealed in {event.id}"] = [bytes(data)]

    def found(self, *folders: Path) -> set[str]:
        """The names of the traces that are in any file below these folders, or in its name."""
        left = set()
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                data = os.fsencode(path.name) + (path.read_bytes() if path.is_file() else b"")
                left |= {name for name, all_ in self.of.items() if any(t in data for t in all_)}
        return left


CONTENT = "客户王小明"


def test_nothing_is_left_of_two_of_three_contracts(crew: Crew, tmp_path: Path) -> None:
    """In the vault, as files, in a backup of both and in two copies of the keystore."""
    files, disk, stick = tmp_path / "合同", tmp_path / "备份", tmp_path / "盘"
    gone, kept = Traces(), Traces()
    with crew.open() as site:
        records = site.ripe_in_vault(files, 3)
        site.backed_up(disk)
        copies = [site.keys_backed_up(stick).path, site.keys_backed_up(stick).path]
        keystore = site.ledger.keystore
        for number, record in enumerate(records):
            traces = gone if number < 2 else kept
            traces.text(f"content {number}", f"第{number}号保洁合同")
            traces.text(f"title {number}", f"合同{number}")
            traces.sealed(site, record)
            for item in copies_of(site.ledger, [record]):
                traces.sealed(site, item)
                used = site.ledger.events_of(item)[0][2].sealed
                assert used
                traces.key(site, used.key, *copies)
        everywhere = (crew.firm.path, files, disk, stick)
        before = gone.found(*everywhere)
        assert {
            name for name in gone.of if name.startswith(("content", "slot", "sealed"))
        } <= before
        items = copies_of(site.ledger, records[:2])
        assert len(items) >= 6, "of each the file, the object and the backup of one of them"
        case = site.approved(items)
        done = site.execute(case)
        assert set(outcomes(done).values()) == {("destroyed", "removed")}
        assert set(done.key_copies.cleared) == {path.name for path in copies}
        assert gone.found(*everywhere) == set(), "with the ledger still open"
        site.verify(case)
        site.certify(case)
        said = certificate(site.ledger, case)
        assert said is not None
        assert (said["verdict"], said["key_copies_count"]) == ("destroyed", 0)
        place = next(p for i in copies_of(site.ledger, [records[2]])
                     if (p := place_of(site.ledger, i)).object)  # fmt: skip
        assert keystore.key(place.key), "the third one can still be read"
    assert gone.found(*everywhere) == set(), "and closed"
    slots = {name for name in kept.of if name.startswith(("slot", "sealed"))}
    assert slots <= kept.found(*everywhere), "the search finds what is there"
    report = check(crew.firm)
    assert (report.verdict, report.findings) == ("valid", ())


def test_no_key_is_ever_written_in_clear(crew: Crew, tmp_path: Path) -> None:
    """Not while it lives either: not in the keystore, a copy of it, a journal or the database."""
    stick = tmp_path / "盘"
    with crew.open() as site:
        records = site.ripe_in_vault(tmp_path / "合同", 2)
        site.keys_backed_up(stick)
        target = tmp_path / "备份"
        target.mkdir()
        create(site.ledger, site.wang, None, target, "full", "disk_external")
        alive = Traces()
        for key in site.ledger.keystore.present():
            alive.key(site, key)
        case = site.approved(copies_of(site.ledger, records[:1]))
        site.execute(case)
        site.verify(case)
        raw = {name for name in alive.of if name.startswith("bytes")}
        found = alive.found(crew.firm.path, stick, target)
        assert found & raw == set()
        assert found, "the slots of the keys that live are there"
        assert keycopies.left_of(site.ledger, site.state(case).keys) == []
