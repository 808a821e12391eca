"""One run: what is tried, what becomes of it, what is broken off, lost and put back.

A difference between what the guards say and what the product does ends the run, with the number
that replays it, the number of the act, and the last acts before it.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from unittest import mock

from ledger.effects import ledgerrestore, refetching
from ledger.errors import MunimentError, RefusedError, VerificationError
from ledger.folder import Folder
from tests.ledger.ledgers import passphrase
from tests.simulation import (
    acts_answers,
    acts_audit,
    acts_bundles,
    acts_copies,
    acts_deal,
    acts_destroy,
    acts_drafts,
    acts_ledger,
    acts_people,
    acts_records,
    acts_use,
    aside,
    checks,
    crash,
)
from tests.simulation.act import Act, Family, chosen
from tests.simulation.chance import Chance, reigning
from tests.simulation.checks import BrokenPromiseError, promise
from tests.simulation.world import World

FAMILIES: Final[dict[Family, int]] = {
    acts_records.collecting: 10, acts_records.reviewing: 7, acts_records.classifying: 9,
    acts_records.retaining: 9, acts_records.archiving: 4, acts_records.correcting: 3,
    acts_use.granting: 5, acts_use.revoking: 2, acts_use.looking: 8, acts_use.handing_out: 3,
    acts_use.holding: 3, acts_use.releasing: 5, acts_use.restricting: 3, acts_use.lifting: 5,
    acts_copies.into_the_vault: 3, acts_copies.backing_up: 2, acts_copies.checking_a_backup: 1,
    acts_copies.letting_expire: 2, acts_copies.bringing_back: 1, acts_copies.copying_keys: 1,
    acts_copies.moving: 2,
    acts_destroy.proposing: 6, acts_destroy.appraising: 6, acts_destroy.approving: 10,
    acts_destroy.rejecting: 1, acts_destroy.executing: 8, acts_destroy.reading_back: 6,
    acts_destroy.taking_off: 1, acts_destroy.certifying: 6, acts_destroy.losing: 1,
    acts_people.hiring: 2, acts_people.giving_a_role: 2, acts_people.taking_a_role: 2,
    acts_people.changing_keys: 3, acts_people.ending_a_key: 1,
    acts_people.with_an_ended_key: 3, acts_people.at_a_false_time: 4, acts_people.voiding: 3,
    acts_drafts.drafting: 4, acts_drafts.submitting: 5,
    acts_deal.introducing: 4, acts_deal.planning: 2, acts_deal.freezing: 5,
    acts_deal.releasing: 4, acts_deal.receiving: 4, acts_deal.inspecting: 4,
    acts_deal.confirming: 4, acts_deal.cancelling: 1, acts_deal.attaching: 2,
    acts_deal.declaring: 3, acts_deal.agreeing: 1, acts_deal.doubting: 1, acts_deal.deeming: 1,
    acts_answers.asking: 2, acts_answers.identifying: 3, acts_answers.deciding: 3,
    acts_answers.fulfilling: 3, acts_answers.closing: 3,
    acts_audit.opening: 2, acts_audit.sampling: 2, acts_audit.raising: 4,
    acts_audit.answering: 4, acts_audit.confirming: 3, acts_audit.reporting: 3,
    acts_bundles.requesting: 2, acts_bundles.agreeing: 2, acts_bundles.exporting_it: 2,
    acts_ledger.changing_the_ledgers_key: 1,
}  # fmt: skip
STEPS: Final = (1, 1, 5, 30, 120, 600, 1_800, 7_200, 43_200)
"""Seconds between two acts; 0 where the clock stands still."""
MOST_CALLS: Final = 200


class Rates(NamedTuple):
    """How often, of all acts, something happens besides."""

    crashed: float = 0.12
    lying: float = 0.03  # the clock; set back or ahead only for acts in one commit
    standing: float = 0.05  # the clock
    signed: float = 0.05
    reopened: float = 0.02
    copied: float = 0.01
    restored: float = 0.006
    checked: float = 0.004


USUAL: Final = Rates()
OFTEN: Final = 500
"""So many acts long a run is looked through at its rates, then less and less often: what is done
to the whole ledger takes longer the longer it is, and must not take most of a long run."""


class Ended(NamedTuple):
    """What a run came to: a digest over every byte recorded, and how often what happened."""

    seed: int
    acts: int
    digest: str
    verdict: str
    counts: Counter[str]


class Run:
    """One seed."""

    def __init__(
        self,
        seed: int,
        home: Path,
        tell: Callable[[str], None] | None = None,
        families: Mapping[Family, int] = FAMILIES,
        rates: Rates = USUAL,
    ) -> None:
        self.families, self.rates = families, rates
        self.chance = Chance(seed)
        self.world = World(home, self.chance)
        self.counts: Counter[str] = Counter()
        self.story: deque[str] = deque(maxlen=12)
        self.number = 0
        self._tell = tell
        self._calls: dict[str, int] = {}  # changing calls that an act of this name has made

    def go(self, acts: int) -> Ended:
        """So many acts, and everything that must hold after them."""
        with self._here():
            self.world.found()
            try:
                for self.number in range(1, acts + 1):
                    self._one()
                self.number += 1
                self.chance.begin(self.number)
                self.counts["looked at elsewhere"] += aside.elsewhere(self.world)
                verdict = self._check()
            except Exception as error:
                story = "\n".join(f"  {line}" for line in self.story)
                where = f"seed {self.chance.seed}, act {self.number}: {error}\n{story}"
                raise BrokenPromiseError(where) from error
            digest = checks.digest(self.world)
            self.world.close()
        return Ended(self.chance.seed, acts, digest, verdict, self.counts)

    @contextmanager
    def _here(self) -> Iterator[None]:
        """This machine's pins, randomness and clock are the run's own."""
        state = {"XDG_STATE_HOME": str(self.world.home / "state")}
        with mock.patch.dict(os.environ, state), reigning(self.chance):
            try:
                yield
            finally:
                self.world.close()

    # -- one act

    def _one(self) -> None:
        self.chance.begin(self.number)
        dice = self.chance.draw
        self.chance.clock.lie = 0
        if dice.random() > self.rates.standing:
            self.chance.clock.time += dice.choice(STEPS) * 1000 + dice.randrange(1000)
        self._upkeep()
        way = dice.choice(["back", "ahead", "behind"]) if dice.random() < self.rates.lying else ""
        if way == "behind":  # what is judged is judged at the time of the last entry
            self.chance.clock.lie = self._last() - self.chance.clock.time
        act, forbidden, families = None, dice.random() < 0.5, list(self.families)
        while act is None:  # for some there is nothing yet to do it to
            (family,) = dice.choices(families, list(self.families.values()))
            act = chosen(self.world, family, forbidden=forbidden)
        self._note(str(act))
        act.ready()
        if dice.random() < self.rates.crashed:
            self._broken_off(act)
        elif way in ("back", "ahead") and act.single:
            self._lied_to(act, way)
        else:
            if way == "behind":
                self._note("the clock is a little behind")
                self.counts["the clock is behind"] += 1
                self.chance.clock.lie -= dice.randint(100, 3_000)
            self._answer(act, self._try(act.do))

    def _note(self, line: str) -> None:
        self.story.append(f"{self.number}  {line}")
        if self._tell is not None:
            self._tell(f"{self.number}  {line}")

    def _try(self, do: Callable[[], object]) -> list[str]:
        """The codes of a refusal, or the name of the error; empty if it passed."""
        try:
            do()
        except RefusedError as error:
            self.story.append(f"{self.number}    {', '.join(map(str, error.refusals))}")
            return [str(getattr(refusal, "rule", "")) for refusal in error.refusals]
        except MunimentError as error:
            self.story.append(f"{self.number}    {error}")
            return [type(error).__name__]
        return []

    def _answer(self, act: Act, said: list[str]) -> None:
        """What the product said of an act is what the guards say, and nothing else was recorded."""
        new = [event["type"] for event in self.world.hear()]
        if not said:
            promise(not act.broken, f"a guard was passed by: {act}")
            promise(new or not self._records(act), f"acknowledged and not recorded: {act}")
            self.counts["permitted"] += 1
        else:
            self.counts["refused"] += 1
            self.counts[f"refused {said[0]}"] += 1
            known = act.broken | act.may_fail
            promise(known, f"what must pass was refused, {said}: {act}")
            promise(set(said) & known, f"refused under {said}: {act}")
            promise(set(new) <= act.leaves, f"a refused act left {new}: {act}")
        self.counts[act.name] += 1
        self.world.gone()
        self.world.doomed = {}

    # -- clocks that lie

    def _lied_to(self, act: Act, way: str) -> None:
        """The clock is set back, or jumps ahead: nothing is recorded."""
        clock, dice = self.chance.clock, self.chance.draw
        if way == "ahead":
            clock.lie = dice.randint(40, 400) * 86_400_000
        else:
            clock.lie = self._last() - clock.time - dice.randint(10, 100_000) * 1000
        self._note(f"the clock is {way}")
        self.counts[f"the clock is {way}"] += 1
        said = self._try(act.do)
        new = self.world.hear()
        promise(said or not self._records(act), f"recorded under a clock that is {way}: {act}")
        promise(not new, f"a clock that is {way} let something in: {act}")
        clock.lie = 0

    def _last(self) -> int:
        """When the last entry was accepted, in Unix milliseconds."""
        return _milliseconds(self.world.book.known[-1].accepted)

    def _records(self, act: Act) -> bool:
        """Whether an act records anything: what is drafted, or submitted again, does not."""
        return not act.name.startswith("drafts") and "second time" not in act.about

    # -- broken off

    def _broken_off(self, act: Act) -> None:
        """The process is killed between two system calls; what it said was recorded is."""
        dice, world = self.chance.draw, self.world
        before = len(world.book.known)
        world.close()
        most = self._calls.get(act.name, MOST_CALLS)
        at = dice.randint(1, most + 1)

        def live(say: Callable[[str], None]) -> None:
            world.ledger  # noqa: B018  opened in the process that is killed
            for rule in (said := self._try(act.do)):
                say(f"said {rule}")
            if not said:
                say("acknowledged")
            world.close()

        struck = crash.struck(live, at)
        self.chance.anew(self.number)
        if not struck.call:
            self._calls[act.name] = struck.calls
        self._note(f"killed before {struck.call or 'nothing'} {struck.calls}: {struck.said}")
        self.counts["killed" if struck.call else "not killed"] += 1
        self.counts[f"killed at {struck.call}"] += bool(struck.call)
        new = world.hear()
        world.left_in_vault |= bool(struck.call) and not act.single
        told = [line.removeprefix("said ") for line in struck.said if line.startswith("said ")]
        if "acknowledged" in struck.said:
            promise(not act.broken, f"a guard was passed by: {act}")
            promise(new or not self._records(act), f"acknowledged and lost: {act}")
        if told:
            known = act.broken | act.may_fail
            promise(set(told) & known, f"refused under {told}: {act}")
        if act.broken:
            left = {event["type"] for event in new}
            promise(left <= act.leaves, f"a forbidden act left {left}, killed: {act}")
        if act.name.startswith("submits") and new:
            self._remember(act, before)
        self._taken_up(act)

    def _remember(self, act: Act, before: int) -> None:
        """A draft that was recorded in the process that was killed is known to be recorded here."""
        del before
        for one in self.world.drafts:
            if one.stream in act.about and self.world.ledger.log.entry_of(one.commit) is not None:
                one.recorded = True

    def _taken_up(self, act: Act) -> None:
        """What was broken off is taken up again, by the same person, and comes to its end."""
        if act.again is not None and not act.broken:
            said = self._try(act.again)
            promise(set(said) <= {"UsageError"}, f"cannot be taken up again, {said}: {act}")
            self.world.hear()
        self.world.gone()
        self.world.doomed = {}

    # -- in between

    def _upkeep(self) -> None:
        dice, world, rates = self.chance.draw, self.world, self.rates
        if dice.random() < rates.signed:
            self._witnessed()
        if dice.random() < rates.reopened:
            world.close()
            self.counts["reopened"] += 1
        rarer = max(1.0, self.number / OFTEN)
        if dice.random() * rarer < rates.copied:
            world.keep()
            self.counts["copied"] += 1
        if world.kept and dice.random() * rarer < rates.restored:
            self._restored(dice.choice(world.kept))
        if dice.random() * rarer < rates.checked:
            self._check()

    def _witnessed(self) -> None:
        """A checkpoint is signed and cosigned; a second history, now and then, never is."""
        world = self.world
        note = world.ledger.sign_checkpoint()
        world.checkpoints.append(note)
        answer = world.watch.asked(world.ledger, note)
        promise(answer.status == 200, f"the witness does not cosign: {answer.reason}")
        self.counts["cosigned"] += 1
        if self.chance.draw.random() < 0.1:
            said = world.watch.lied_to(world.ledger).status
            promise(said != 200, "a witness cosigned two histories")
            self.counts[f"another history: {said}"] += 1

    def _restored(self, copy: Path) -> None:
        """The disk of the database is lost; an older copy refuses to go on, and is completed."""
        world = self.world
        self._note(f"the database is lost; {copy.name} is put in its place")
        self.counts["restored"] += 1
        world.close()
        lost = world.home / "lost"
        world.path.rename(lost)
        ledgerrestore.restore_ledger(
            copy, world.path, passphrase, keystore=lost / "keystore", identity=lost / "identity"
        )
        if (lost / "vault").exists():
            shutil.copytree(lost / "vault", world.path / "vault", dirs_exist_ok=True)
        behind = _entries(copy) < world.book.known[-1].entry + 1
        if behind:
            said = self._try(self._opened)
            promise(said == [VerificationError.__name__], "an older copy went on as if whole")
        done = refetching.refetch(Folder(world.path), passphrase, lost)
        promise(done.going_on, "a ledger that was completed does not go on")
        shutil.rmtree(lost)
        checks.acknowledged(world)
        checks.rebuilt(world)

    def _opened(self) -> None:
        """The ledger, open for writing."""
        self.world.ledger.seen()

    def _check(self) -> str:
        self.counts["checked"] += 1
        return checks.everything(self.world)


def _entries(copy: Path) -> int:
    from ledger.effects.ledgercopy import read_manifest

    return read_manifest(copy)[1].entries


def _milliseconds(time: str) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(time).timestamp() * 1000)
