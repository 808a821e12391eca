"""The firms, their people and their keys, and the folder of the ledger: opened, closed, reopened.

Wang founds, administers, collects and keeps; Zhou collects; Li (finance) and Zhao (legal) approve,
Zhao also appraises; Luo reviews and reads back; Chen destroys, Sun watches; Kang looks things up.
Qian hands over to He, Wu and Ma look on, Lin keeps for the buyer.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from domain.actor import ActorState
from domain.values import later
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.clock import SystemClock
from ledger.effects import keycopying
from ledger.effects.places import place_of
from ledger.errors import MunimentError
from ledger.folder import Folder
from ledger.founding import Founded, found_ledger
from ledger.privatekey import PrivateKey
from ledger.recorder import Receipt, Submission
from ledger.signing import Proposal, new_ids, now, sign_all
from ledger.sources import SourceFault
from tests.ledger.crews import hire
from tests.ledger.deals import merge
from tests.ledger.ledgers import CHEAP, FOUNDING, buyer, passphrase
from tests.simulation.book import Book, Heard
from tests.simulation.chance import Chance
from tests.simulation.guards import Guards
from tests.simulation.witnessed import Watch

PEOPLE: dict[str, tuple[str, str, Sequence[str]]] = {
    "zhou": ("seller", "service", ["collector"]),
    "li": ("seller", "finance", ["reviewer", "approver"]),
    "zhao": ("seller", "legal", ["approver", "dpo"]),
    "bai": ("seller", "finance", ["approver"]),
    "luo": ("seller", "service", ["reviewer"]),
    "chen": ("seller", "it", ["destruction_operator"]),
    "sun": ("seller", "security", ["destruction_witness"]),
    "kang": ("seller", "legal", ["counsel"]),
    "qian": ("seller", "sales", ["seller_handler"]),
    "wu": ("seller", "legal", ["supervisor"]),
    "he": ("buyer", "sales", ["buyer_handler"]),
    "ma": ("buyer", "legal", ["supervisor"]),
    "lin": ("buyer", "it", ["custodian", "archivist"]),
}
Others = Sequence[tuple[str, str]]
CANARY = "王小明"


class World:
    """One simulated place: everything that a run acts on."""

    def __init__(self, home: Path, chance: Chance) -> None:
        self.home = home
        self.chance = chance
        self.path = home / "ledger"
        self.book = Book()
        self.guards = Guards(self.book, "")
        self.people: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.checkpoints: list[bytes] = []
        self.kept: list[Path] = []  # copies of the ledger, the oldest first
        self.erased: set[str] = set()  # what stood in files that were destroyed
        self.files = 0
        self.drafts: list[Any] = []  # in somebody's hands, not yet submitted or submitted once
        self.doomed: dict[str, set[str]] = {}  # what stands in the files of an execution's list
        self.left_in_vault = False  # by a process that was killed, since the last look
        self._keys: dict[str, PrivateKey] = {}
        self._ledger: Ledger | None = None

    # -- opening and closing

    @property
    def ledger(self) -> Ledger:
        """The ledger, opened for writing when it is not open."""
        if self._ledger is None:
            clock = SystemClock()
            self._ledger = Ledger(Folder(self.path), passphrase, writing=True, clock=clock)
        return self._ledger

    def close(self) -> None:
        """Close the ledger: whoever needs it opens it again."""
        if self._ledger is not None:
            ledger, self._ledger = self._ledger, None
            ledger.close()

    # -- how it begins

    def found(self) -> None:
        """The ledger, its people, the deal between the two firms, the medium of the keystore."""
        founded: Founded = found_ledger(self.path, FOUNDING, passphrase, kdf=CHEAP)
        self._know("wang", founded.actor)
        ledger, wang = self.ledger, self.ledger.acting(founded.actor)
        other = buyer()
        ledger.act(wang, [other])
        self.parties = {"seller": founded.party, "buyer": other.stream}
        for name, (side, function, roles) in PEOPLE.items():
            self._know(name, hire(ledger, wang, self.parties[side], function, roles))
        keycopying.name_keystore(ledger, wang, "disk_internal")
        others = [(self.people["wu"], "supervisor"), (self.people["ma"], "supervisor")]
        qian, he = self.acting("qian"), self.acting("he")
        self.deal, self.notice = merge(ledger, wang, qian, he, others)
        self.customer = new_ids("subject")[0]
        self.hear()
        self.guards = Guards(self.book, ledger.routine(), self.parties["buyer"])
        self.watch = Watch(self.home / "witness", ledger, self.chance)

    def _know(self, name: str, actor: str) -> None:
        self.people[name], self.names[actor] = actor, name

    # -- people

    def key_of(self, actor: str) -> tuple[PrivateKey, str]:
        """The act key that somebody has now, and its id."""
        state = self.ledger.state(actor)
        assert isinstance(state, ActorState)
        active = state.active_key("act")
        assert active is not None
        key_id = active.key.id
        if key_id not in self._keys:
            self._keys[key_id] = self.ledger.private_key(actor, "act", key_id)
        return self._keys[key_id], key_id

    def acting(self, name: str) -> Acting:
        """Somebody with the present key."""
        actor = self.people[name]
        key, key_id = self.key_of(actor)
        state = self.ledger.state(actor)
        assert isinstance(state, ActorState)
        return Acting(actor, key, key_id, state)

    def side(self, name: str) -> str:
        """For which side somebody acts."""
        party = self.book.actors[self.people[name]].party
        return "seller" if party == self.parties["seller"] else "buyer"

    def active(self, actor: str) -> str:
        """The id of the act key with which somebody may sign; "" if there is none."""
        known = self.book.actors[actor]
        mine = [i for i, purpose in known.purposes.items() if purpose == "act"]
        return next((i for i in mine if known.keys[i] == "active"), "")

    def ended(self) -> list[tuple[str, PrivateKey, str]]:
        """Keys that may not sign any more, in the hands of who had them."""
        found = []
        for key_id, key in self._keys.items():
            actor = key.name.rpartition("/")[2]
            if self.book.actors[actor].keys[key_id] != "active":
                found.append((actor, key, key_id))
        return found

    def signing(self, others: Others) -> list[tuple[str, str]]:
        """The same by the ids of the actors."""
        return [(self.people[name], role) for name, role in others]

    def holds_one(self, actor: str, *roles: str) -> bool:
        """Whether somebody has one of these roles."""
        return any(self.guards.holds(actor, role) for role in roles)

    # -- saying something

    def say(self, name: str, said: Sequence[Proposal], **how: Any) -> Receipt:
        """One person says something."""
        return self.ledger.act(self.acting(name), said, **how)

    def together(self, name: str, said: Sequence[Proposal], others: Others, **how: Any) -> Receipt:
        """One person says something, others sign it too; `others`: names and capacities."""
        if not others:
            return self.say(name, said, **how)
        one, beside = self.acting(name), [(self.acting(who), role) for who, role in others]
        events, ciphertexts = self.ledger.build(one, said, **how)
        unsigned = self.ledger.note_over(
            one, events, ciphertexts, until=later(now(), days=1),
            cosigners=[other.cosigner(role) for other, role in beside],
        )  # fmt: skip
        signed = sign_all(unsigned.note, [one.key, *(other.key for other, _ in beside)])
        submission = Submission(signed, unsigned.states, unsigned.ciphertexts)
        return self.ledger.record(events, submission)

    # -- hearing

    def hear(self) -> list[dict[str, Any]]:
        """Take down what was recorded since."""
        with self.ledger.engine.connect() as connection:
            new = [self.book.take(one) for one in stored(connection, len(self.book.known))]
        for event in new:
            if event["type"] == "ledger.key_rotated":
                self.watch.learn(self.ledger, event["key"]["public"])
        for actor in self.book.actors:
            if actor not in self.names:
                self._know(f"p{len(self.people)}", actor)
        return new

    # -- files

    def folder_of(self, name: str, count: int) -> Path:
        """A folder of new files, each with a text in it that is nowhere else."""
        self.files += 1
        folder = self.home / "files" / f"{self.files:05d}-{name}"
        folder.mkdir(parents=True)
        for number in range(count):
            text = f"第{number}号保洁合同，客户{self._mark(number)}"
            self._write(folder / f"合同{number}.txt", text)
        return folder

    def table_of(self, rows: int) -> Path:
        """A table of customers, a row each."""
        self.files += 1
        path = self.home / "files" / f"{self.files:05d}-客户.csv"
        path.parent.mkdir(exist_ok=True)
        lines = [f"{row},{self._mark(row)},每周两次" for row in range(rows)]
        self._write(path, "\n".join(["编号,姓名,服务", *lines, ""]))
        return path

    def _mark(self, number: int) -> str:
        """Something that nothing else contains."""
        return f"{CANARY}-{self.chance.draw.randbytes(6).hex()}-{self.files}-{number}"

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1_750_000_000, 1_750_000_000))

    def path_of(self, copy: str) -> Path | None:
        """The file in which a copy lies, if it is one."""
        try:
            place = place_of(self.ledger, copy)
        except (SourceFault, MunimentError):
            return None
        return Path(os.fsdecode(place.path)) if place.path else None

    def readable(self, copy: str) -> bool:
        """Whether a copy's file is there."""
        path = self.path_of(copy)
        return path is not None and path.is_file()

    def texts_of(self, copies: Sequence[str]) -> dict[str, set[str]]:
        """What stands in the files of these copies that nothing else contains, by copy."""
        found: dict[str, set[str]] = {}
        for copy in copies:
            path = self.path_of(copy)
            if path is not None and path.is_file():
                text = path.read_bytes().decode("utf-8", "replace")
                found[copy] = set(re.findall(rf"{CANARY}-[0-9a-f]+-\d+-\d+", text))
        return found

    def gone(self) -> None:
        """Remember what must be nowhere any more: of contents of which no copy is left."""
        for copy, texts in self.doomed.items():
            family = self.book.family(copy)
            if all(self.book.copies[one].condition == "destroyed" for one in family):
                self.erased |= texts

    def keep(self) -> Path:
        """A copy of the ledger, as it is now, beside it."""
        from ledger.effects.ledgercopy import copy_ledger

        place = self.home / f"copy-{self.files}-{len(self.kept)}"
        self.files += 1
        copy_ledger(self.ledger, place)
        shutil.copytree(self.path / "keystore", place.with_name(f"{place.name}-keystore"))
        self.kept.append(place)
        while len(self.kept) > 3:
            old = self.kept.pop(1)
            shutil.rmtree(old)
            shutil.rmtree(old.with_name(f"{old.name}-keystore"))
        return place


def stored(connection: sa.Connection, after: int) -> list[Heard]:
    """The events stored behind a position, as they are stored."""
    rows = connection.exec_driver_sql(
        "SELECT e.position, e.entry, c.data, e.state FROM events e JOIN commits c "
        "ON c.entry = e.entry WHERE e.position > ? ORDER BY e.position", (after,),
    )  # fmt: skip
    return [
        Heard(position, entry, accepted_in(bytes(data)), bytes(state))
        for position, entry, data, state in rows
    ]


def accepted_in(entry: bytes) -> str:
    """The time in an entry's first line: `accepted <time>`."""
    return entry.partition(b"\n")[0].decode("ascii").removeprefix("accepted ")


Doing = Callable[[], Any]
