"""Copies: in the vault, in backups, of the keystore; moved, restored, verified, expired."""

from __future__ import annotations

from typing import Any

from domain.values import later
from ledger import acts
from ledger.effects import backup, expiring, keycopying, restoring, vaulting
from ledger.errors import UsageError
from ledger.signing import now
from tests.simulation.act import Act, a_copy, draw, one_of, somebody
from tests.simulation.acts_records import joined
from tests.simulation.book import THERE
from tests.simulation.world import World

MOST_KEY_COPIES = 3


def _originals(world: World, who: str) -> list[str]:
    """The files here that somebody's party keeps."""
    party = world.guards.party(world.people[who])
    newest = list(world.book.copies.items())[-60:]
    return [
        stream for stream, copy in newest
        if copy.condition == THERE and not copy.made_from and copy.custodian == party
        and not world.book.claimed(stream) and world.readable(stream)
    ]  # fmt: skip


def into_the_vault(world: World) -> Act | None:
    """An encrypted copy of a file."""
    who = somebody(world, "wang", side="seller")
    found = _originals(world, who)
    if not found:
        return None
    copy = one_of(world, found)
    broken = world.guards.may(world.people[who], "copy")

    def do() -> Any:
        done = vaulting.put(world.ledger, world.acting(who), [copy])
        if not done.stored:
            raise UsageError("nothing was stored")

    return Act(
        "puts into the vault", who, copy, frozenset(broken), do, single=False, again=do,
        may_fail=frozenset({"UsageError"}),
    )  # fmt: skip


def backing_up(world: World) -> Act | None:
    """A few files backed up to a disk."""
    who = somebody(world, "wang", side="seller")
    found = _originals(world, who)
    if not found:
        return None
    some = draw(world).sample(found[-20:], min(len(found), draw(world).randint(1, 3)))
    broken = world.guards.may(world.people[who], "back up")
    target = world.home / "disk"

    def do() -> Any:
        target.mkdir(exist_ok=True)
        acting = world.acting(who)
        made = backup.create(world.ledger, acting, some, target, "full", "disk_external")
        assert made.made
        assert not made.failed

    about = f"{len(some)} copies, {some[0]}"
    return Act("backs up", who, about, frozenset(broken), do, single=False, again=do)


def moving(world: World) -> Act | None:
    """A copy goes to another shelf, or to the other party, which signs for it, under the deal."""
    copy, dice = a_copy(world), draw(world)
    if not copy:
        return None
    guards, known = world.guards, world.book.copies[copy]
    mine = "lin" if known.custodian == world.parties["buyer"] else "wang"
    who, other = somebody(world, mine), "wang" if mine == "lin" else "lin"
    actor, taker = world.people[who], world.guards.party(world.people[other])
    crosses, signs, ahead = dice.random() < 0.6, dice.random() < 0.8, dice.random() < 0.1
    under = world.deal if dice.random() < 0.8 else guards.engagement
    broken = guards.may(actor, "copy") | guards.present(actor, [copy])
    broken |= {"I-04"} if ahead else set()
    others = [(other, "custodian")] if crosses and signs and who != other else []
    if crosses and taker != known.custodian:
        broken |= {"I-21"} if world.book.claimed(copy) else set()
        broken |= set() if others else {"I-01"}
        broken |= joined(world, who, others) | guards.ready([copy])
        sells = known.custodian == world.parties["seller"] and under == world.deal
        if not guards.came_from(copy, taker):
            broken |= guards.introduced([copy]) if sells else {"I-13"}

    def do() -> Any:
        at = later(now(), days=1) if ahead else now()
        said = acts.move_holding(
            copy, departed_at=later(at, days=-1), arrived_at=at,
            custodian=taker if crosses else None, sealed={"carrier": "王小明"},
        )  # fmt: skip
        return world.together(who, [said], others, engagement=under)

    about = f"{copy} to {other if crosses else 'another shelf'}"
    return Act("moves", who, about, frozenset(broken), do)


def _a_backup(world: World) -> str:
    """A backup of which something is left."""
    there = [
        stream for stream, copies in world.book.backups.items()
        if any(world.book.copies[copy].condition == THERE for copy in copies)
    ]  # fmt: skip
    return one_of(world, there) if there else ""


def checking_a_backup(world: World) -> Act | None:
    """A backup is read again."""
    found, who = _a_backup(world), somebody(world, "wang", "luo", side="seller")
    if not found:
        return None
    actor = world.people[who]
    reads = world.holds_one(
        actor, "archivist", "collector", "custodian", "reviewer", "security_officer"
    )

    def do() -> Any:
        expiring.verify(world.ledger, world.acting(who), found, decrypt=True)

    broken = frozenset() if reads else frozenset({"I-09"})
    here = any(world.readable(copy) for copy in world.book.backups[found])
    may_fail = frozenset() if here else frozenset({"MunimentError"})
    return Act("verifies the backup", who, found, broken, do, single=False, may_fail=may_fail)


def letting_expire(world: World) -> Act | None:
    """The copies in a backup go, where nothing keeps them."""
    found, who = _a_backup(world), somebody(world, "wang", "chen", side="seller")
    if not found:
        return None
    broken = world.guards.expired(world.people[who], found, now()[:10])

    def do() -> Any:
        done = expiring.expire(world.ledger, world.acting(who), found)
        if done.receipt is None:  # what was taken off a list after it had been destroyed
            assert not any(world.readable(one.holding) for one in done.failed), done.failed
            raise UsageError("nothing of it is here")

    return Act(
        "lets expire", who, found, frozenset(broken), do, single=False, again=do,
        may_fail=frozenset({"UsageError"}),
    )  # fmt: skip


def bringing_back(world: World) -> Act | None:
    """What a backup has is brought back to an empty folder; what was destroyed stays away."""
    found, who = _a_backup(world), somebody(world, "wang", side="seller")
    if not found:
        return None
    broken = world.guards.may(world.people[who], "back up")
    into = world.home / f"back-{world.chance.hex(4)}"

    def do() -> Any:
        into.mkdir(exist_ok=True)
        acting = world.acting(who)
        done = restoring.restore(world.ledger, acting, found, None, into, "演练", "disk_internal")
        if not done.receipts:  # as where a backup expires
            assert not any(world.readable(one.holding) for one in done.failed), done.failed
            raise UsageError("nothing of it is here")

    return Act(
        "restores", who, found, frozenset(broken), do, single=False,
        may_fail=frozenset({"UsageError"}),
    )  # fmt: skip


def copying_keys(world: World) -> Act | None:
    """A backup of the keystore: a further copy of every data key."""
    if len(world.book.key_copies) > MOST_KEY_COPIES:
        return None
    who = somebody(world, "wang", side="seller")
    keeps = world.holds_one(
        world.people[who], "administrator", "archivist", "custodian", "security_officer"
    )
    disk = world.home / f"keys-{world.chance.hex(4)}"

    def do() -> Any:
        disk.mkdir(exist_ok=True)
        keycopying.backup(world.ledger, world.acting(who), disk, "disk_external")

    broken = frozenset() if keeps else frozenset({"I-09"})
    return Act("copies the keys", who, "", broken, do, single=False)
