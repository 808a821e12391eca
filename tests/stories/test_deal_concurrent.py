"""One ledger, both firms at it at once: processes act at the same moment, over and over.

While the buyer's people say what is wrong with a delivery, the seller's do so too and go on with
the next one. Whoever comes second waits; nothing that was said is lost, nothing is said twice, and
nothing is refused because somebody else was there. Where two acts exclude each other one of them is
refused, whichever came second, and the other stands.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier
from typing import Any

import pytest

from tests.stories.dealings import Dealing, dealing_fixture, with_papers  # noqa: F401  a fixture

pytestmark = pytest.mark.slow

MANY = 3
Done = subprocess.CompletedProcess[bytes]


def at_once(*sides: Callable[[], Any]) -> list[Any]:
    """What each side did, all of them begun at the same moment."""
    gate = Barrier(len(sides))

    def begin(side: Callable[[], Any]) -> Any:
        gate.wait()
        return side()

    with ThreadPoolExecutor(len(sides)) as pool:
        return list(pool.map(begin, sides))


def saying(dealing: Dealing, who: str, *acts: Sequence[str]) -> Callable[[], list[Done]]:
    """Somebody at a desk of their own, who gives these commands one after the other."""
    more = ("--as", who, "--wait", "60", "--json")
    return lambda: [dealing.program(*act, *more) for act in acts]


def told(done: Done) -> Any:
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def received(dealing: Dealing, *records: str) -> str:
    """A handover of these records, delivered and received, not yet looked at."""
    handover, _ = dealing.freeze(*records)
    package = dealing.pack(handover, f"package-{handover[-8:]}")
    dealing.release(handover, package)
    dealing.receive(handover, package)
    return handover


@pytest.fixture
def merged(dealing: Dealing) -> Dealing:
    """A merger of which six customers were told."""
    people = dealing.customer_list(6)
    with_papers(dealing, "merger")
    dealing.tell(people)
    return dealing


def complaint(handover: str, *items: str) -> tuple[str, ...]:
    return ("handover", "discrepancy", "raise", handover, *items, "--kind", "damaged")


def test_both_sides_act_at_once_and_nothing_is_lost(merged: Dealing) -> None:
    records = [person.record for person in merged.customers]
    handover = received(merged, *records[:3])
    before = merged.json("status")["events"]
    paper = merged.home / "补充.pdf"
    paper.write_bytes(b"more")
    attach = ("document", "attach", str(paper), "--kind", "supervision_record", "--engagement",
              merged.engagement)  # fmt: skip
    sides = at_once(
        saying(merged, merged.he, *(complaint(handover, records[0]) for _ in range(MANY))),
        saying(merged, merged.wu, *(complaint(handover, records[1]) for _ in range(MANY))),
        saying(merged, merged.qian, *(attach for _ in range(MANY))),
    )
    said = [told(done) for side in sides for done in side]
    numbers = [one["number"] for one in said if "number" in one]
    assert sorted(numbers) == list(range(1, 2 * MANY + 1)), "each has a number of its own"
    entries = [one["entry"] for one in said]
    assert len(set(entries)) == 3 * MANY
    assert merged.json("status")["events"] == before + 3 * MANY
    for side in sides:  # everybody's own acts stand in the order in which they were said
        assert all(one < other for one, other in pairwise(told(done)["entry"] for done in side))
    listed = merged.json("handover", "discrepancy", "list", handover)
    assert [row["number"] for row in listed] == list(range(1, 2 * MANY + 1))
    shown = merged.json("engagement", "show", merged.engagement)
    kinds = [row["kind"] for row in shown["documents"]]
    assert kinds.count("supervision_record") == MANY
    merged.sound()


def test_one_handover_is_confirmed_while_the_next_is_prepared(merged: Dealing) -> None:
    """Four sign the first; at the same time the seller plans and freezes the second."""
    records = [person.record for person in merged.customers]
    handover = received(merged, *records[:3])
    package = merged.home.with_name(f"{merged.home.name}-package-{handover[-8:]}")
    merged.inspect(handover, package)
    draft = confirmation(merged, handover)
    later = merged.planned()
    sides = at_once(
        saying(merged, merged.he, ("submit", draft)),
        saying(merged, merged.qian,
               ("handover", "freeze", later, *records[3:], "--packaged")),
        saying(merged, merged.lin, ("handover", "show", handover), ("verify",)),
    )  # fmt: skip
    for side in sides:
        for done in side:
            assert done.returncode == 0, done.stderr.decode()
    assert merged.shown(handover)["step"] == "confirmed"
    assert merged.items(later) == set(records[3:])
    merged.sound()


def confirmation(merged: Dealing, handover: str) -> str:
    """A confirmation that all four have signed and nobody has submitted."""
    draft = str(merged.home / "together.commit")
    others = ((merged.he, "buyer_handler"), (merged.wu, "supervisor"), (merged.ma, "supervisor"))
    beside = [part for who, role in others for part in ("--with", f"{who}:{role}")]
    merged.did("handover", "confirm", handover, *beside, "--draft", draft, "--as", merged.qian)
    for who, _role in others:
        merged.did("sign", draft, "--yes", "--as", who)
    return draft


def test_both_submit_the_confirmation_and_it_is_recorded_once(merged: Dealing) -> None:
    handover = received(merged, merged.customers[0].record)
    package = merged.home.with_name(f"{merged.home.name}-package-{handover[-8:]}")
    merged.inspect(handover, package)
    draft = confirmation(merged, handover)
    before = merged.json("status")["events"]
    sides = at_once(*(saying(merged, who, ("submit", draft)) for who in (merged.qian, merged.he)))
    said = [told(done) for (done,) in sides]
    assert sorted(one["repeated"] for one in said) == [False, True]
    assert len({one["entry"] for one in said}) == 1
    assert merged.json("status")["events"] == before + 1
    assert merged.shown(handover)["step"] == "confirmed"


def test_of_a_receipt_and_a_withdrawal_one_stands(merged: Dealing) -> None:
    """The seller calls the delivery back while the buyer signs for it: one comes first."""
    for person in merged.customers[:2]:
        handover, _ = merged.freeze(person.record)
        package = merged.pack(handover, f"package-{handover[-8:]}")
        merged.release(handover, package)
        ((withdrawn,), (signed,)) = at_once(
            saying(merged, merged.qian, ("handover", "cancel", handover, "--reason", "撤回")),
            saying(merged, merged.he,
                   ("handover", "receive", handover, "--package", str(package))),
        )  # fmt: skip
        assert sorted((withdrawn.returncode, signed.returncode)) == [0, 13]
        step = merged.shown(handover)["step"]
        assert step == ("cancelled" if withdrawn.returncode == 0 else "received")
        loser = withdrawn if withdrawn.returncode else signed
        detail = json.loads(loser.stderr.splitlines()[-1])["refusals"][0]["detail"]
        assert detail in ("handler_must_sign", "handover_is_cancelled")
    merged.sound()


def test_one_record_is_not_on_two_lists_that_are_frozen_at_once(merged: Dealing) -> None:
    record = merged.customers[0].record
    lists = [merged.planned(), merged.planned()]
    sides = at_once(*(
        saying(merged, merged.qian, ("handover", "freeze", one, record, "--packaged"))
        for one in lists
    ))  # fmt: skip
    codes = sorted(done.returncode for (done,) in sides)
    assert codes == [0, 13], [done.stderr for (done,) in sides]
    assert sorted(merged.shown(one)["step"] for one in lists) == ["list_frozen", "planned"]


def test_a_consent_is_withdrawn_while_the_list_is_released(dealing: Dealing) -> None:
    """Either the release is refused, or what was released is not confirmed."""
    people = dealing.customer_list(2)
    with_papers(dealing, "asset_or_store_transfer")
    dealing.tell(people)
    dealing.consent(people)
    handover, _ = dealing.freeze()
    package = dealing.pack(handover)
    withdraw = ("consent", "withdraw", people[0].subject, "--recipient", dealing.buyer,
                "--channel", "telephone")  # fmt: skip
    release = ("handover", "release", handover, "--package", str(package))
    ((gone,), (released,)) = at_once(
        saying(dealing, dealing.founder, withdraw), saying(dealing, dealing.qian, release)
    )
    told(gone)
    if released.returncode == 0:
        dealing.receive(handover, package)
        dealing.inspect(handover, package)
        said = dealing.error("handover", "confirm", handover, "--as", dealing.qian, code=13)
        assert "consent_withdrawn" in {refusal["detail"] for refusal in said["refusals"]}
    else:
        said = json.loads(released.stderr.splitlines()[-1])
        assert {refusal["detail"] for refusal in said["refusals"]} == {"consent_withdrawn"}
    assert dealing.shown(handover)["step"] != "confirmed"
