"""Issued documents in a bundle: whole, or named and left out; never a name that was not opened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from ledger.bundle import Bundle, Selection
from ledger.bundle.issued import _sealed, issued_documents
from ledger.documents.checking import check_offline
from ledger.documents.container import attached
from ledger.documents.issuing import issue, reprint, withdraw
from ledger.documents.twin import parse
from tests.ledger.bundles import evidence, ordered, written
from tests.ledger.crews import Site, gather
from tests.ledger.ledgers import Firm
from tests.ledger.papers import certified
from tests.ledger.reports import pdf_text, texts_in, told_of
from tests.ledger.sales import (
    Sale,
    sale,  # noqa: F401  fixtures are found by their names
)

NAMES = ("王管理", "某人")


@pytest.fixture
def site(firm: Firm) -> Iterator[Site]:
    with gather(firm).open() as site:
        yield site


@pytest.fixture
def case(site: Site, tmp_path: Path) -> str:
    """A destruction with its certificate."""
    found = certified(site, tmp_path / "过期")
    issue(site.ledger, site.wang, "destruction_certificate", found)
    return found


def exported(site: Site, case: str, selection: Selection = Selection()) -> Bundle:  # noqa: B008
    approver = site.ledger.acting(site.crew.firm.second) if selection.openings else None
    order = ordered(
        site.ledger, site.wang, "destruction_case", case, selection=selection, approver=approver
    )
    return written(site.ledger, site.wang, order._replace(documents=True))


def named(site: Site, case: str) -> Selection:
    """The names of everybody whose registration is shown."""
    told = told_of(exported(site, case))
    people = sorted(place.id for place in told.of("actor.registered"))
    return Selection(openings=tuple((event, "name") for event in people))


def certificates(bundle: Bundle) -> list[str]:
    return [name for name in bundle.files if "销毁证明" in name]


def listed(bundle: Bundle) -> dict[str, object]:
    items = json.loads(bundle.files["data/00_说明/证据目录.json"])["items"]
    (found,) = [item for item in items if item["name"]["zh"].startswith("销毁证明")]
    return dict(found)


def test_a_document_with_names_that_are_not_opened_stays_at_home_and_is_named(
    site: Site, case: str
) -> None:
    bundle = exported(site, case)
    assert certificates(bundle) == []
    (document,) = issued_documents(site.ledger, told_of(bundle))
    assert (document.why, document.data) == ("names_not_opened", b"")
    item = listed(bundle)
    assert document.number in str(item["name"])
    assert document.pdf in str(item["content"])
    assert item["digest"] == {"of": "nothing", "sha256": ""}
    texts = [*texts_in(bundle), *(pdf_text(d) for n, d in bundle.files.items() if ".pdf" in n)]
    for text in texts:
        for name in NAMES:
            assert name not in text
            assert json.dumps(name)[1:-1] not in text


def test_a_document_whose_names_are_opened_goes_along_byte_for_byte(site: Site, case: str) -> None:
    bundle = exported(site, case, named(site, case))
    (name,) = certificates(bundle)
    (document,) = issued_documents(site.ledger, told_of(bundle))
    assert name == f"data/40_报告/销毁证明-{document.number}.pdf"
    assert bundle.files[name] == reprint(site.ledger, document.number).data
    checked = check_offline(bundle.files[name], site.ledger.folder.pinned_key())
    assert checked.verdict == "genuine"
    assert listed(bundle)["digest"]["of"] == "file"  # type: ignore[index]


def test_without_documents_none_goes_along(site: Site, case: str) -> None:
    selection = named(site, case)
    approver = site.ledger.acting(site.crew.firm.second)
    order = ordered(
        site.ledger, site.wang, "destruction_case", case, selection=selection, approver=approver
    )
    bundle = written(site.ledger, site.wang, order)
    assert not [name for name in bundle.files if name.endswith(".pdf")]


def test_a_document_that_was_withdrawn_does_not_go_along(site: Site, case: str) -> None:
    selection = named(site, case)
    (document,) = issued_documents(site.ledger, told_of(exported(site, case)))
    withdraw(site.ledger, site.wang, document.number, "有误")
    bundle = exported(site, case, selection)
    assert certificates(bundle) == []
    assert issued_documents(site.ledger, told_of(bundle)) == []


# -- a document between parties -----------------------------------------------------------------


class Listed:
    """A handover list issued, and what a bundle of the handover tells."""

    def __init__(self, at: Sale) -> None:
        self.sale = at
        records = [at.ready("采购合同.txt"), at.ready("租赁合同.txt", sensitivity="general_pi")]
        at.open()
        at.papers()
        at.assess()
        self.handover = str(at.json(
            "handover", "plan", "--buyer-handler", at.he, "--first-day", "2020-01-01",
            "--last-day", "2099-12-31", "--inspection-days", "15", "--engagement", at.engagement,
            "--place", "Room-301", "--method", "SF1234567890", "--as", at.qian,
        )["handover"])  # fmt: skip
        at.did("handover", "freeze", self.handover, *records, "--skip-blocked", "--as", at.qian)
        at.did("document", "issue", "handover_list", self.handover, "--as", at.qian,
               "--out", str(at.home / "list.pdf"))  # fmt: skip
        with at.firm.open() as ledger:
            admin = ledger.acting(at.firm.founded.actor)
            self.told = told_of(evidence(ledger, admin, "handover", self.handover))

    def twin(self) -> dict[str, Any]:
        found: dict[str, Any] = parse(attached((self.sale.home / "list.pdf").read_bytes())[0])
        return found

    def texts(self) -> set[str]:
        """Everything in the document that somebody typed in, by hand from the twin's layout."""
        twin = self.twin()
        found = {twin["engagement_title"], *twin["texts"].values()}
        found |= {p[n] for p in twin["parties"] for n in ("name", "identifier") if n in p}
        found |= {s[n] for s in twin["signers"] for n in ("name", "position") if n in s}
        names = ("title", "location", "archive_no", "digest")
        return found | {i[n] for i in twin["said"]["items"] for n in names if n in i}

    def why(self, shown: set[str], *of_the_list: str) -> str:
        """Why the list does not go along where a bundle opens these texts; empty: it does."""
        fields = {str(number): text for number, text in enumerate(sorted(shown))}
        places = [
            structs.replace(place, opened=(
                dict.fromkeys(of_the_list, "…") if place.topic == "handover.list_frozen"
                else fields if place.topic == "handover.planned" else {}
            ))
            for place in self.told.places
        ]  # fmt: skip
        with self.sale.firm.open() as ledger:
            told = structs.replace(self.told, places=tuple(places))
            (found,) = issued_documents(ledger, told)
        assert bool(found.data) == (found.why == "")
        return found.why


def test_a_list_goes_along_only_if_each_thing_in_it_that_was_sealed_is_opened(
    sale: Sale,  # noqa: F811  the fixture
) -> None:
    """Also what looks like a code: a room, a parcel's number, a digest, a registration number."""
    listed = Listed(sale)
    twin, every = listed.twin(), listed.texts()
    assert {"Room-301", "SF1234567890"} <= every
    assert any(len(item.get("digest", "")) == 64 for item in twin["said"]["items"])
    counted = [item for item in twin["said"]["items"] if any(item.get("persons", {}).values())]
    fields = ("seed", "persons") if counted else ("seed",)
    assert listed.why(every, *fields) == ""
    for text in sorted(every):
        assert listed.why(every - {text}, *fields) == "names_not_opened", text
    assert listed.why(every) == "names_not_opened", "with a salt what is withheld can be guessed"
    assert listed.why(set()) == "names_not_opened"


@pytest.mark.parametrize(
    "member",
    [
        {"texts": {"released_seal_no": "SN88812"}}, {"texts": {"planned_place": "13800138000"}},
        {"letter": [{"title": ["a", "b"], "text": [["Room-301", "x"]]}]},
        {"parties": [{"party": "party-1", "side": "seller", "identifier": "91330100MA27"}]},
        {"engagement_title": "Project-X"}, {"added_later": "SN88812"},
        {"signers": [{"actor": "actor-1", "keys": ["00"], "name": "Wang"}]},
    ],
)  # fmt: skip
def test_what_stands_beside_the_events_is_sealed_whatever_it_looks_like(
    member: dict[str, Any],
) -> None:
    said = {"claim": {"zh": "本证明", "en": "This"}, "case": "case-1"}
    twin = {"kind": "closing_report", "said": said, "title": {"zh": "函"}, "basis": ["法"]}
    assert list(_sealed(twin)) == []
    assert list(_sealed({**twin, **member}))
