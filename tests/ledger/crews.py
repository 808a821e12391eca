"""The people of a destruction, at a ledger with real files and a real keystore.

Wang (the founder) proposes and certifies, Li (finance) and Zhao (legal) approve, Chen destroys, Sun
watches, Luo reads back. Zhao also appraises.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

from domain.destruction import CaseState
from domain.holding import HoldingCreated
from domain.record import RecordState
from domain.values import later
from ledger import acts, custody
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.collecting import Collected, collect
from ledger.collecting import Terms as Collecting
from ledger.effects import destroying, keycopying, readback
from ledger.effects.backup import create
from ledger.effects.destroying import Execution, Terms
from ledger.effects.keycopying import Made
from ledger.effects.places import Place, place_of
from ledger.effects.readback import ReadBack
from ledger.founding import enrolment
from ledger.questions import Asking, asking
from ledger.recorder import Receipt, Submission
from ledger.signing import Proposal, new_ids, now, sign_all
from tests.ledger.ledgers import Firm, collect_files, new_keys

LONG_AGO = "2001-01-31"
AXES = {
    "categories": ["contract"], "level": "general_3", "sensitivity": "general_pi",
    "profile": "cn_strict",
}  # fmt: skip
PEOPLE = {
    "li": ("finance", ["approver"]),
    "zhao": ("legal", ["approver", "dpo"]),
    "chen": ("it", ["destruction_operator"]),
    "sun": ("security", ["destruction_witness"]),
    "luo": ("service", ["reviewer"]),
}


class Crew(NamedTuple):
    """A closed ledger and the ids of its people."""

    firm: Firm
    people: Mapping[str, str]

    def open(self) -> Site:
        return Site(self, self.firm.open())


def hire(ledger: Ledger, admin: Acting, party: str, function: str, roles: Sequence[str]) -> str:
    actor = new_ids("actor")[0]
    keys = new_keys(ledger, actor)
    enrolments = [enrolment(key, ledger.seen()) for key in keys]
    said = acts.register_actor(
        actor, party, enrolments, roles, function=function, sealed={"name": "某人"}
    )
    ledger.act(admin, said, possession=[keys[0]])
    return actor


def gather(firm: Firm, keystore: str | None = "disk_internal") -> Crew:
    """Everybody registered at a firm's ledger, and what its keystore lies on."""
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        if keystore is not None:
            keycopying.name_keystore(ledger, admin, keystore)
        people = {
            name: hire(ledger, admin, firm.founded.party, function, roles)
            for name, (function, roles) in PEOPLE.items()
        }
    return Crew(firm, people)


class Site:
    """The ledger open for writing, with everybody at hand."""

    def __init__(self, crew: Crew, ledger: Ledger) -> None:
        self.crew = crew
        self.ledger = ledger
        self.wang = ledger.acting(crew.firm.founded.actor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ledger.close()

    def person(self, name: str) -> Acting:
        return self.ledger.acting(self.crew.people[name])

    # -- what is kept

    def ripe(self, folder: Path, count: int = 1) -> list[str]:
        """Records whose period ended long ago, from files of their own."""
        records = [one.record for one in collect_files(self.ledger, self.wang, folder, count)]
        self.ripen(records)
        return records

    def ripe_in_vault(self, folder: Path, count: int = 1) -> list[str]:
        """The same, with an encrypted copy of each file in the vault."""
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            text = f"第{number}号保洁合同，客户王小明"
            (folder / f"合同{number}.txt").write_text(text, encoding="utf-8")
        about = ("contract", "pipl_13_2_contract", "店主", self.ledger.routine())
        taken = collect(self.ledger, self.wang, [folder], Collecting(*about, vault="disk_internal"))
        records = [one.record for one in taken if isinstance(one, Collected)]
        assert len(records) == count
        self.ripen(records)
        return records

    def ripen(self, records: Sequence[str], day: str = LONG_AGO) -> None:
        said = [acts.classify(self.ledger, record, AXES) for record in records]
        self.ledger.act(self.wang, said)
        self.ledger.act(self.wang, [
            acts.assign_retention(self.ledger, record, "contract_ended", day) for record in records
        ])  # fmt: skip

    def copy(self, record: str) -> str:
        """The copy in which a record was collected."""
        state = self.ledger.state(record)
        assert isinstance(state, RecordState)
        return state.holdings[0]

    def place(self, record: str) -> Place:
        return place_of(self.ledger, self.copy(record))

    def paper(self, record: str, **fields: Any) -> str:
        """A paper copy of a record: an original, or a print of what `made_from` names."""
        about = {"form": "paper", "medium": "paper_copy", **fields}
        return self.further(record, {"location": "三号柜"}, **about)

    def printed(self, record: str) -> str:
        """A print of the file in which a record was collected."""
        return self.paper(record, made_from=self.copy(record))

    def further(self, record: str, sealed: Mapping[str, str], **fields: Any) -> str:
        """A further copy of a record, registered as described."""
        known = {
            "record": record, "custodian": self.wang.state.party, "form": "electronic_native",
            "medium": "disk_internal", "size": 1, "items": 1, "encrypted": False, **fields,
        }  # fmt: skip
        proposal = Proposal(HoldingCreated, new_ids("holding")[0], known, sealed)
        self.ledger.act(self.wang, [proposal])
        return proposal.stream

    def backed_up(self, target: Path) -> list[str]:
        """A backup of everything; the copies in it."""
        target.mkdir(exist_ok=True)
        made = create(self.ledger, self.wang, None, target, "full", "disk_external")
        assert not made.failed
        found = self.ledger.state(made.made[0].backup)
        return list(found.items)  # type: ignore[union-attr]

    def keys_backed_up(self, target: Path, medium: str = "disk_external", **more: Any) -> Made:
        """A backup of the keystore."""
        target.mkdir(exist_ok=True)
        return keycopying.backup(self.ledger, self.wang, target, medium, **more)

    # -- a case, step by step

    def proposed(self, items: Sequence[str], ground: str = "retention_expired") -> str:
        said = custody.propose_destruction(items, ground, "clear", "overwrite", "期满")
        self.ledger.act(self.wang, said)
        return said[0].stream

    def approved(self, items: Sequence[str], ground: str = "retention_expired") -> str:
        case = self.proposed(items, ground)
        self.ledger.act(self.person("zhao"), [custody.appraise(self.ledger, case, "pass", "可销")])
        for name in ("li", "zhao"):
            self.ledger.act(self.person(name), [custody.approve(self.ledger, case, None)])
        return case

    def execute(self, case: str, by: str = "chen", **options: Any) -> Execution:
        terms = options.pop("terms", Terms(None, [self.crew.people["sun"]]))
        return destroying.execute(self.ledger, self.person(by), case, terms, **options)

    def verify(self, case: str, by: str = "luo", **options: Any) -> ReadBack:
        return readback.verify(self.ledger, self.person(by), case, **options)

    def asking(self) -> AbstractContextManager[Asking]:
        """The questions that Wang may put to the rules."""
        return asking(self.ledger, self.wang.actor)

    def together(self, said: Sequence[Proposal], name: str, capacity: str) -> Receipt:
        """What Wang says and another one signs too."""
        other = self.person(name)
        events, ciphertexts = self.ledger.build(self.wang, said)
        unsigned = self.ledger.note_over(
            self.wang, events, ciphertexts, until=later(now(), days=1),
            cosigners=[other.cosigner(capacity)],
        )  # fmt: skip
        signed = sign_all(unsigned.note, [self.wang.key, other.key])
        submission = Submission(signed, unsigned.states, unsigned.ciphertexts)
        return self.ledger.record(events, submission)

    def certifying(self, case: str) -> Proposal:
        """What Wang would certify now."""
        return custody.certify(self.ledger, case)

    def certify(self, case: str) -> Receipt:
        destroying.finish(self.ledger, case)
        receipt = self.ledger.act(self.wang, [custody.certify(self.ledger, case, None)])
        destroying.end(self.ledger, case)
        return receipt

    def state(self, case: str) -> CaseState:
        return custody.case_state(self.ledger, CaseState, case)


def ordered_hold(*records: str) -> list[Proposal]:
    """A hold on records, on a court's order."""
    order = {"authority": "(2026)沪01民初1号"}
    return custody.place_hold("litigation", records=records, sealed=order)


def outcomes(done: Execution) -> dict[str, tuple[str, str]]:
    """Outcome and cause by holding."""
    return {fate.holding: (fate.outcome, fate.cause) for fate in done.fates}


def results(read: ReadBack) -> dict[str, tuple[str, str]]:
    """Result and cause by holding."""
    return {result.holding: (result.result, result.cause) for result in read.results}


@pytest.fixture(scope="session", name="crew_template")
def crew_template_fixture(tmp_path_factory: pytest.TempPathFactory, firm_template: Firm) -> Crew:
    """Gathered once; never opened again, only copied."""
    home = tmp_path_factory.mktemp("crew")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        shutil.copytree(firm_template.path, home / "ledger")
        return gather(firm_template._replace(path=home / "ledger"))


@pytest.fixture(name="crew")
def crew_fixture(crew_template: Crew, tmp_path: Path, state_home: Path) -> Crew:
    """A ledger of the test's own with everybody registered, closed."""
    path = tmp_path / "ledger"
    shutil.copytree(crew_template.firm.path, path)
    return crew_template._replace(firm=crew_template.firm._replace(path=path))


@pytest.fixture(name="site")
def site_fixture(crew: Crew) -> Iterator[Site]:
    """The same, open for writing."""
    with crew.open() as site:
        yield site


@pytest.fixture(name="lone")
def lone_fixture(site: Site, tmp_path: Path) -> tuple[str, Path]:
    """An approved case of one file, and the file."""
    (record,) = site.ripe(tmp_path / "合同")
    path = Path(os.fsdecode(site.place(record).path))
    return site.approved([site.copy(record)]), path
