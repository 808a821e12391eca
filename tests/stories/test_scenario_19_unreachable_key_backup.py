"""Scenario 19: a cryptographic erasure with a key backup that nobody reached is a partial one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from domain.holding import HoldingCreated
from ledger import stream
from ledger.effects import keycopying
from ledger.effects.certifying import certificate
from ledger.effects.destroying import copies_of
from ledger.effects.places import place_of
from ledger.errors import RefusedError
from ledger.keystore import Keystore
from ledger.signing import Proposal
from tests.ledger.crews import (
    Crew,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
from tests.ledger.ledgers import passphrase
from tests.ledger.tampering import check


def the_object(site: Site, record: str) -> tuple[Path, str]:
    """The vault object of a record, and the id of its data key."""
    (place,) = (p for item in copies_of(site.ledger, [record])
                if (p := place_of(site.ledger, item)).object)  # fmt: skip
    return Path(os.fsdecode(place.path)), place.key


def test_what_an_unreached_backup_of_the_keys_makes_of_a_certificate(
    crew: Crew, tmp_path: Path
) -> None:
    """And why: with that backup and a stolen object the contract is read all the same."""
    with crew.open() as site:
        (record,) = site.ripe_in_vault(tmp_path / "合同")
        made = site.keys_backed_up(tmp_path / "盘")
        path, key = the_object(site, record)
        shutil.copy(path, tmp_path / "外人手里的密文")
        case = site.approved(copies_of(site.ledger, [record]))
        made.path.rename(tmp_path / "保险箱")
        site.execute(case)
        site.verify(case)
        site.certify(case)
        said = certificate(site.ledger, case)
        assert said is not None
        assert (said["verdict"], said["key_copies_left"]) == ("partial", [made.copy])
        assert key in said["keys"]
    stolen = tmp_path / "外人手里的密文"
    with Keystore.open(tmp_path / "保险箱", passphrase("ledger")) as old, stolen.open("rb") as file:
        content = b"".join(stream.decrypt(file, old.key(key)))
    assert "客户王小明" in content.decode("utf-8")
    assert check(crew.firm).findings == ()


def test_nobody_certifies_it_as_destroyed(crew: Crew, tmp_path: Path) -> None:
    """Not by leaving the copy out, and not by naming it and calling it destroyed all the same."""
    with crew.open() as site:
        (record,) = site.ripe_in_vault(tmp_path / "合同")
        made = site.keys_backed_up(tmp_path / "盘")
        case = site.approved(copies_of(site.ledger, [record]))
        made.path.rename(tmp_path / "保险箱")
        site.execute(case)
        site.verify(case)
        honest = site.certifying(case)
        for lie, detail in (
            ({"verdict": "destroyed"}, "verdict_does_not_fit"),
            ({"key_copies": [], "key_copies_count": 0}, "key_copies_left_out"),
            ({"verdict": "destroyed", "key_copies": [], "key_copies_count": 0},
             "key_copies_left_out"),
        ):  # fmt: skip
            said = Proposal(honest.kind, case, {**honest.fields, **lie})
            with pytest.raises(RefusedError, match=detail):
                site.ledger.act(site.wang, [said])
        site.certify(case)


def test_a_copy_that_comes_to_light_before_the_certificate_counts(
    crew: Crew, tmp_path: Path
) -> None:
    """Somebody had copied the folder onto a stick; whoever tells of it late tells in time."""
    with crew.open() as site:
        (record,) = site.ripe_in_vault(tmp_path / "合同")
        shutil.copytree(crew.firm.path / "keystore", tmp_path / "U盘")
        case = site.approved(copies_of(site.ledger, [record]))
        done = site.execute(case)
        site.verify(case)
        created = site.ledger.events_of(record)[0]
        about = {"kind": "backup", "medium": "usb_flash", "through": max(done.keys),
                 "made_at": created[2].at}  # fmt: skip
        copy, _ = keycopying.register(
            site.ledger, site.wang, about, {"location": str(tmp_path / "U盘")}
        )
        assert site.certifying(case).fields["verdict"] == "partial"
        again = site.execute(case)
        assert again.key_copies == ((copy,), (copy,)), "overwritten, but on flash"
        site.certify(case)
        said = certificate(site.ledger, case)
        assert said is not None
        assert {one["copy"]: one["fate"] for one in said["key_copies"]}[copy] == "medium_keeps"
        assert isinstance(site.ledger.events_of(site.copy(record))[0][2], HoldingCreated)
