"""What the keystore itself lies on: named at the founding, and behind every word of `destroyed`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.doctor import examine
from ledger.documents.issuing import issue
from ledger.documents.twin import parse
from ledger.documents.view import view
from ledger.effects import keycopies, keycopying
from ledger.effects.certifying import KEYSTORE_UNNAMED, certificate
from ledger.errors import RefusedError
from ledger.folder import Folder
from ledger.signing import Proposal
from projections.keycopies import KeyCopy
from tests.ledger.crews import Site, gather
from tests.ledger.desk import Desk
from tests.ledger.ledgers import Firm
from tests.ledger.papers import twin_of
from tests.ledger.tampering import check


def verified(site: Site, folder: Path) -> str:
    """A file, shredded and read back, with nothing of it left that anybody knows of."""
    case = site.approved([site.copy(site.ripe(folder)[0])])
    assert site.execute(case).keys
    site.verify(case)
    return case


def told(site: Site, case: str) -> dict[str, Any]:
    said = certificate(site.ledger, case)
    assert said is not None
    return said


def medium_on(twin: dict[str, Any]) -> list[str]:
    """What stands in the section of the keystore, in both languages."""
    (section,) = (s for s in view(twin)["sections"] if s["title"] == ("密钥库", "Keystore"))
    return [word for _title, lines in section["rows"] for line in lines for word in line[1:]]


@pytest.mark.parametrize(
    ("medium", "verdict", "left", "stands"),
    [
        (None, "partial", 1, ["从未登记", "never named"]),
        ("ssd", "partial", 1, ["固态硬盘", "SSD"]),
        ("disk_internal", "destroyed", 0, ["服务器磁盘", "Server disk"]),
    ],
)
def test_a_certificate_names_what_the_keystore_lies_on(
    firm: Firm, tmp_path: Path, medium: str | None, verdict: str, left: int, stands: list[str]
) -> None:
    with gather(firm, keystore=medium).open() as site:
        case = verified(site, tmp_path / "合同")
        assert told(site, case)["verdict"] == verdict, "before there is a certificate"
        site.certify(case)
        said = told(site, case)
        assert (said["verdict"], said["keystore_medium"]) == (verdict, medium)
        assert said["key_copies_count"] == left
        assert (KEYSTORE_UNNAMED in said["not_claimed"]) == (medium is None)
        data = issue(site.ledger, site.wang, "destruction_certificate", case).data
        twin = parse(twin_of(data))
        assert medium_on(twin) == stands
        nonclaims = view(twin)["nonclaims"]
        assert (tuple(KEYSTORE_UNNAMED.values()) in nonclaims) == (medium is None)
    assert check(firm).findings == ()


def test_naming_it_before_the_certificate_is_soon_enough(firm: Firm, tmp_path: Path) -> None:
    with gather(firm, keystore=None).open() as site:
        early = verified(site, tmp_path / "一")
        site.certify(early)
        case = verified(site, tmp_path / "二")
        assert told(site, case)["verdict"] == "partial"
        keycopying.name_keystore(site.ledger, site.wang, "disk_internal")
        assert told(site, case)["verdict"] == "destroyed"
        site.certify(case)
        assert told(site, early)["verdict"] == "partial", "what was certified stays"
        as_given = certificate(site.ledger, early, told(site, early)["certified_entry"])
        assert as_given is not None
        assert as_given["keystore_medium"] is None


@pytest.mark.parametrize(
    "forged",
    [
        {"verdict": "destroyed", "key_copies_count": 0},
        {"verdict": "destroyed"},
        {"key_copies_count": 0},
    ],
)
def test_attack_a_certificate_says_destroyed_while_nobody_named_the_keystore(
    firm: Firm, tmp_path: Path, forged: dict[str, Any]
) -> None:
    """Somebody who certifies with a program of their own."""
    with gather(firm, keystore=None).open() as site:
        case = verified(site, tmp_path / "合同")
        honest = site.certifying(case)
        assert (honest.fields["verdict"], honest.fields["key_copies_count"]) == ("partial", 1)
        said = Proposal(honest.kind, case, {**honest.fields, **forged}, honest.sealed)
        seen = site.ledger.seen()
        with pytest.raises(RefusedError, match=r"I-29|I-35"):
            site.ledger.act(site.wang, [said])
        assert site.ledger.seen() == seen


# -- at the desk --------------------------------------------------------------------------------


def live(path: Path, firm: Firm) -> list[KeyCopy]:
    with firm._replace(path=path).open(writing=False) as ledger:
        return list(keycopies.copies(ledger))


def init(desk: Desk, folder: str, *more: str) -> Any:
    return desk.json(
        "-L", folder, "init", "--origin", "xinjia.example/ledger", "--party", "新家保洁",
        "--actor", "赵一", *more,
    )  # fmt: skip


def test_init_records_what_the_keystore_lies_on(desk: Desk) -> None:
    said = init(desk, "new")
    (copy,) = live(desk.home / "new", desk.firm)
    assert (copy.kind, copy.medium) == ("live", "disk_internal")
    assert copy.copy == said["keystore"]["copy"]
    assert said["keystore"]["entry"] == copy.registered_entry == 1, "a commit of its own"
    assert said["keystore"]["events"][0]["position"] == said["events"][-1]["position"] + 1
    states = {one.code: one.state for one in examine(Folder(desk.home / "new"))}
    assert "keystore_medium" not in states
    assert set(states.values()) == {"ok"}, "and it is under a signed checkpoint"
    init(desk, "stick", "--keystore-medium", "usb_flash")
    assert [one.medium for one in live(desk.home / "stick", desk.firm)] == ["usb_flash"]
    page = desk.did("-L", "third", "init", "--origin", "a.example/b", "--party", "甲", "--actor",
                    "乙", "--lang", "en", "--keystore-medium", "ssd")  # fmt: skip
    assert "SSD" in page


def test_doctor_says_that_nobody_named_it(desk: Desk) -> None:
    result = desk.run("doctor", MUNIMENT_LANG="en")
    assert result.exit_code == 0
    assert "nobody has named what the keystore lies on" in result.stdout
    assert "muniment keystore register --kind live" in result.stdout
    desk.did("keystore", "register", "--kind", "live", "--medium", "disk_internal", "--place",
             "店里的电脑")  # fmt: skip
    assert "keystore lies on" not in desk.did("doctor", MUNIMENT_LANG="en")
