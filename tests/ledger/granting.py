"""A contract, somebody who serves customers, grants, and what an access left on record."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from domain.holding import HoldingCreated
from domain.values import Event, later
from ledger import acts, custody
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.cli.files import place_of, read_file
from ledger.effects.handing_out import Asked, HandedOut, access
from ledger.signing import Proposal, new_ids, now
from tests.ledger.copying import gather, records
from tests.ledger.ledgers import add_person

CONTENT = "甲方: 王小明, 每周保洁两次".encode()
Handing = Callable[..., HandedOut]
WANTED = Asked("service_delivery", "view")


@pytest.fixture
def record(ledger: Ledger, admin: Acting, sources: Path) -> str:
    """A contract, classified."""
    gather(ledger, admin, sources, {"王小明 合同.txt".encode(): CONTENT})
    return classified(ledger, admin, records(ledger)[0])


def classified(ledger: Ledger, admin: Acting, record: str, category: str = "contract") -> str:
    axes = {
        "categories": [category], "level": "general_3", "sensitivity": "general_pi",
        "sensitive_kinds": [], "profile": ledger.policy().classification.profile,
    }  # fmt: skip
    ledger.act(admin, [acts.classify(ledger, record, axes)])
    return record


def grant(ledger: Ledger, by: Acting, to: Acting, **terms: Any) -> str:
    usual = {
        "records": [], "categories": ["contract"], "modes": ["view"],
        "purposes": ["service_delivery"], "begins": later(now(), days=-1),
        "ends": later(now(), days=1),
    }  # fmt: skip
    proposal = custody.grant_access(to.actor, **{**usual, **terms})
    ledger.act(by, [proposal])
    return proposal.stream


@pytest.fixture
def clerk(ledger: Ledger, admin: Acting) -> Acting:
    """Somebody of the firm who keeps nothing, and looks things up."""
    return add_person(ledger, admin, admin.state.party, ("counsel",))


@pytest.fixture
def handing(ledger: Ledger, clerk: Acting, tmp_path: Path) -> Handing:
    def run(record: str, asked: Asked = WANTED, **more: Any) -> HandedOut:
        by, out = more.pop("by", clerk), more.pop("out", tmp_path / "out.txt")
        return access(ledger, by, record, asked, out, **more)

    return run


def last(ledger: Ledger, stream: str) -> tuple[Event, dict[str, str]]:
    position, _accepted, event, _raw = ledger.events_of(stream)[-1]
    return event, dict(ledger.unseal(position, event) or {})


def correct(ledger: Ledger, admin: Acting, record: str, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    found = read_file(file)
    fields = {
        "record": record, "custodian": admin.state.party, "form": "electronic_native",
        "medium": "ssd", "size": found.size, "items": 1, "encrypted": False,
    }  # fmt: skip
    copy = Proposal(HoldingCreated, new_ids("holding")[0], fields, place_of(found))
    correction = acts.correct(
        ledger, record, holding=copy.stream, size=len(content), items=1,
        reason="subject_request", sealed={"content": sha256(content).hexdigest()},
    )  # fmt: skip
    ledger.act(admin, [copy, correction])
