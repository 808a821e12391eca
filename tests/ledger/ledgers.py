"""A small firm's ledger to test on: founded once a session, copied for every test that asks.

Pins outside the folder go to a folder of the test's own: nothing leaves the test. Key files cost
next to nothing to open.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from domain.ledger import DraftVoided
from domain.party import PartyRegistered
from domain.values import Event
from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.clock import SystemClock
from ledger.collecting import Collected, Terms, collect
from ledger.folder import Folder, key_file_name
from ledger.founding import Founded, Founding, enrolment, found_ledger
from ledger.keyfile import Argon2Cost, write_key
from ledger.privatekey import PrivateKey, generate
from ledger.recorder import Submission
from ledger.signing import Proposal, new_ids, sign_all

ORIGIN = "jiejing.example/ledger"
CHEAP = Argon2Cost(8, 1, 1)
FOUNDING = Founding(ORIGIN, "洁净保洁", "王管理")


def passphrase(holder: str) -> bytes:
    return b"correct horse"


class Firm(NamedTuple):
    """A closed ledger: its folder, the ids of its founding, and the second person's id."""

    path: Path
    founded: Founded
    second: str

    def open(
        self, *, writing: bool = True, wait: float = 0.0, clock: SystemClock | None = None
    ) -> Ledger:
        return Ledger(Folder(self.path), passphrase, writing=writing, wait=wait, clock=clock)


def new_keys(ledger: Ledger, actor: str) -> list[PrivateKey]:
    """An act key and a seal key of an actor, with their files in `identity/`."""
    name = f"{ledger.origin}/a/{actor}"
    keys = [generate("ed25519", "act", name), generate("p256", "seal", name)]
    for key in keys:
        keep_key(ledger, actor, key)
    return keys


def keep_key(ledger: Ledger, holder: str, key: PrivateKey) -> None:
    file = key_file_name(holder, key.purpose, enrolment(key, ledger.seen()).id)
    write_key(ledger.folder.identity / file, key, passphrase(holder), CHEAP)


def add_person(ledger: Ledger, admin: Acting, party: str, roles: Sequence[str]) -> Acting:
    """Register somebody with keys and roles."""
    actor = new_ids("actor")[0]
    keys = new_keys(ledger, actor)
    enrolments = [enrolment(key, ledger.seen()) for key in keys]
    proposals = acts.register_actor(
        actor, party, enrolments, roles, function="service", sealed={"name": "李审核"}
    )
    ledger.act(admin, proposals, possession=[keys[0]])
    return ledger.acting(actor)


def found_firm(path: Path) -> Firm:
    """A ledger with two persons: the founder, and a reviewer who may also approve."""
    founded = found_ledger(path, FOUNDING, passphrase, kdf=CHEAP)
    with Ledger(Folder(path), passphrase, writing=True) as ledger:
        admin = ledger.acting(founded.actor)
        second = add_person(ledger, admin, founded.party, ("reviewer", "approver"))
    return Firm(path, founded, second.actor)


@pytest.fixture(scope="session")
def firm_template(tmp_path_factory: pytest.TempPathFactory) -> Firm:
    """Founded once; never opened again, only copied."""
    home = tmp_path_factory.mktemp("firm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        return found_firm(home / "ledger")


@pytest.fixture
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's state folder, where the second pins lie."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def firm(firm_template: Firm, tmp_path: Path, state_home: Path) -> Firm:
    """A ledger of the test's own, closed."""
    path = tmp_path / "ledger"
    shutil.copytree(firm_template.path, path)
    return firm_template._replace(path=path)


@pytest.fixture
def ledger(firm: Firm) -> Iterator[Ledger]:
    """A ledger of the test's own, open for writing."""
    with firm.open() as ledger:
        yield ledger


@pytest.fixture
def admin(ledger: Ledger, firm: Firm) -> Acting:
    """The founder: administrator, collector, custodian and archivist."""
    return ledger.acting(firm.founded.actor)


@pytest.fixture
def second_person(ledger: Ledger, firm: Firm) -> Acting:
    """A reviewer and approver with keys of their own."""
    return ledger.acting(firm.second)


# -- acts to try things on ----------------------------------------------------------------------


def buyer(name: str = "买方公司") -> Proposal:
    """An act with a sealed part: another firm is registered (administrators only)."""
    fields = {"kind": "company", "party_role": "buyer", "jurisdiction": "cn"}
    return Proposal(PartyRegistered, new_ids("party")[0], fields, {"name": name})


def small_act(number: int = 0) -> Proposal:
    """The smallest act, open to every role: a draft that never was is voided."""
    return Proposal(DraftVoided, new_ids("draft")[0], {"commit": f"{number:032x}"})


def signed_by(
    ledger: Ledger,
    acting: Acting,
    proposals: Sequence[Proposal],
    *,
    possession: Sequence[PrivateKey] = (),
) -> tuple[list[Event], Submission]:
    """A genuine commit, not yet recorded."""
    events, ciphertexts = ledger.build(acting, proposals)
    return events, sign_events(ledger, acting, events, ciphertexts, possession=possession)


def sign_events(
    ledger: Ledger,
    acting: Acting,
    events: Sequence[Event],
    ciphertexts: Mapping[int, bytes],
    *,
    possession: Sequence[PrivateKey] = (),
) -> Submission:
    unsigned = ledger.note_over(acting, events, ciphertexts, possession=possession)
    signed = sign_all(unsigned.note, [acting.key, *possession])
    return Submission(signed, unsigned.states, unsigned.ciphertexts)


def collect_files(ledger: Ledger, acting: Acting, folder: Path, count: int = 1) -> list[Collected]:
    """Collect a folder of small contracts, made for the purpose."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"合同{number}.txt").write_text(f"第{number}号保洁合同", encoding="utf-8")
    terms = Terms("contract", "pipl_13_2_contract", "店主", ledger.routine())
    found = [one for one in collect(ledger, acting, [folder], terms) if isinstance(one, Collected)]
    assert len(found) == count
    return found


# -- what a database holds ----------------------------------------------------------------------


def dump(database: Connection | Engine) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    if isinstance(database, Engine):
        with database.connect() as connection:
            return dump(connection)
    names = database.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {
        name: sorted((tuple(row) for row in database.execute(sa.text(f'SELECT * FROM "{name}"'))),
                     key=repr)
        for name in sorted(names.scalars())
    }  # fmt: skip
