"""P13: a list of 100,000 records about 50,000 people: frozen, packed, received, inspected, taken.

The records are rows of one table, each with a data key and a sealed title of its own, classified
and kept; two of them are about each person, who was told of the merger. What leads up to the list
is not measured. Every step runs in a program of its own, which does what the command does, and
whose memory is read; `bagit` validates the same package, as far as it can without a key.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench import ours
from bench.alone import alone, can_tell
from bench.measuring import Result, Size, folder, result, skipped
from domain.handover import HandoverState, copies_of, records_of
from domain.notice import NoticeDelivered, NoticeIssued
from domain.record import RecordClassified, RetentionAssigned
from domain.retention import Assignment
from domain.subject import SubjectFound
from domain.values import later
from ledger import acts, deals
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.collecting import Collected, Terms, collect
from ledger.custody import parts
from ledger.effects.choosing import Wanted, choose, everything_of
from ledger.effects.delivering import open_delivered, pack, package_digest
from ledger.effects.inspecting import in_package, judged, to_record
from ledger.effects.listlines import Frozen, lines, sealed_persons
from ledger.effects.taking import take_here
from ledger.folder import Folder, key_file_name
from ledger.founding import enrolment
from ledger.handoverlist import lines_root
from ledger.handovers import (
    confirm_handover,
    freeze_list,
    inspect_items,
    plan_handover,
    receive_handover,
    release_handover,
)
from ledger.keyfile import write_key
from ledger.privatekey import generate
from ledger.questions import asking
from ledger.recorder import Submission
from ledger.signing import Proposal, new_ids, now, sign_all

_TOLD: Final = "deal.json"
_AT_ONCE: Final = 1_000
_MOST_SECONDS, _MOST_MEMORY, _LEAST_INSPECTED = 10, 300, 5_000
_SEED: Final = bytes(range(32))


def delivery(size: Size) -> Iterator[Result]:
    """P13: every step of a handover of many records, and the most memory that any of them holds."""
    count = size.files
    with folder("handover") as path:
        prepare(path, count)
        told = {step: alone("handover", step, path) for step in STEPS}
        peer = _validated(path / "package")
    measure = f"a list of {count:,} records about {count // 2:,} people"
    yield result("P13", f"{measure}, freeze", told["freeze"][0], "s", most=_MOST_SECONDS)
    yield result("P13", f"{measure}, pack", count / told["pack"][0], "items/s")
    yield result(
        "P13", f"{measure}, receive: decrypted, every digest compared", count / told["receive"][0],
        "items/s", peer=("bagit validates the encrypted files", count / peer),
    )  # fmt: skip
    yield result(
        "P13", f"{measure}, inspect: digests, usability, recorded", count / told["inspect"][0],
        "items/s", least=_LEAST_INSPECTED,
    )  # fmt: skip
    yield result("P13", f"{measure}, confirm", told["confirm"][0], "s")
    yield result("P13", f"{measure}, take into the vault", count / told["take"][0], "items/s")
    if not can_tell():
        yield skipped("P13", f"{measure}, memory", "the system does not say", "<= 300 MB")
        return
    for step in STEPS:
        yield result("P13", f"{measure}, {step}, memory", told[step][1], "MB", most=_MOST_MEMORY)


def _validated(package: Path) -> float:
    """Seconds that another implementation of BagIt takes to validate a package."""
    import bagit

    start = time.perf_counter()
    bagit.Bag(str(package)).validate()
    return time.perf_counter() - start


# -- what leads up to the list -------------------------------------------------------------------


def prepare(path: Path, count: int) -> None:
    """A ledger with a deal whose records are ready and whose people were told."""
    actor = ours.found(path / "ledger")
    with Ledger(Folder(path / "ledger"), ours.passphrase, writing=True) as ledger:
        admin = ledger.acting(actor)
        source = ours.table(path / "customers.csv", count)
        terms = Terms(ours.CATEGORY, ours.BASIS, "店主", ledger.routine(), notice="N-1", rows=True)
        outcomes = collect(ledger, admin, [source], terms)
        records = [one.record for one in outcomes if isinstance(one, Collected)]
        _make_ready(ledger, admin, records)
        told = _people(ledger, admin)
        _sign(ledger, admin, told)
        _tell(ledger, told, records)
    (path / _TOLD).write_text(json.dumps(told))


def _make_ready(ledger: Ledger, admin: Acting, records: Sequence[str]) -> None:
    policy, categories = ledger.policy(), [ours.CATEGORY]
    ledger.act(admin, [Proposal(RecordClassified, records[0], ours.AXES)])
    state = acts.record_state(ledger, records[0])
    rules = policy.retention_for(state.traits)
    trigger = next(rule.trigger for rule in rules if rule.trigger is not None)
    names = [rule.id for rule in rules if rule.trigger in (None, trigger)]
    computed = policy.retention_until(names, tuple(categories), trigger, "2025-12-31")
    if not isinstance(computed, Assignment):
        raise SystemExit(f"no period for the measured records: {computed}")
    period = {
        "rules": names, "trigger": trigger, "trigger_date": "2025-12-31",
        "permanent": computed.permanent, "conflict": computed.conflict, "action": computed.action,
        **acts.given(min_until=computed.min_until, max_until=computed.max_until),
    }  # fmt: skip
    for at in range(0, len(records), _AT_ONCE):
        part = records[at : at + _AT_ONCE]
        ledger.act(
            admin, [Proposal(RecordClassified, r, ours.AXES) for r in part if r != records[0]]
        )
        ledger.act(admin, [Proposal(RetentionAssigned, record, period) for record in part])


def _people(ledger: Ledger, admin: Acting) -> dict[str, str]:
    buyer = acts.register_party("买方公司", kind="company", party_role="buyer", jurisdiction="cn")
    ledger.act(admin, [buyer])
    seller = admin.state.party
    return {
        "buyer": buyer.stream,
        "qian": _person(ledger, admin, seller, "seller_handler"),
        "wu": _person(ledger, admin, seller, "supervisor"),
        "he": _person(ledger, admin, buyer.stream, "buyer_handler", "custodian"),
        "ma": _person(ledger, admin, buyer.stream, "supervisor"),
    }


def _person(ledger: Ledger, admin: Acting, party: str, *roles: str) -> str:
    actor = new_ids("actor")[0]
    name = f"{ledger.origin}/a/{actor}"
    keys = [generate("ed25519", "act", name), generate("p256", "seal", name)]
    enrolled = [enrolment(key, ledger.seen()) for key in keys]
    for key, one in zip(keys, enrolled, strict=True):
        file = ledger.folder.identity / key_file_name(actor, key.purpose, one.id)
        write_key(file, key, ours.passphrase(actor), ours.CHEAP)
    proposals = acts.register_actor(
        actor, party, enrolled, roles, function="service", sealed={"name": "某人"}
    )
    ledger.act(admin, proposals, possession=[keys[0]])
    return actor


def _sign(ledger: Ledger, admin: Acting, told: dict[str, str]) -> None:
    """The deal and its papers, and the plan of the handover."""
    seller, buyer = admin.state.party, told["buyer"]
    opened = deals.open_engagement("merger", seller, buyer, None, title="合并")
    ledger.act(admin, [opened])
    told["deal"] = opened.stream
    qian = ledger.acting(told["qian"])
    under: dict[str, Any] = {"engagement": told["deal"], "role": "seller_handler"}
    kinds = ("evidence_agreement", "nda", "pipia")
    papers = [deals.attach_document(kind, "0" * 64, 9, "application.pdf") for kind in kinds]
    for paper in papers:
        ledger.act(qian, [paper], **under)
    agreement, nda, pipia = (paper.stream for paper in papers)
    signers = [
        (told["qian"], "seller_handler"), (told["he"], "buyer_handler"),
        (told["wu"], "supervisor"), (told["ma"], "supervisor"),
    ]  # fmt: skip
    for said in (
        deals.sign_agreement(ledger, told["deal"], agreement, signers, time_source="ledger",
                             extraction="evidence_bundle"),
        deals.sign_nda(told["deal"], nda, seller, buyer, categories=[], begins_on="2026-01-01",
                       ends_on=None, survival_days=730),
    ):  # fmt: skip
        jointly(ledger, told, [said], {"he": "buyer_handler"}, under)
    ledger.act(
        qian, [deals.record_pipia(told["deal"], pipia, [], "acceptable", "2099-12-31")], **under
    )
    day = now()[:10]
    plan = plan_handover(ledger, told["deal"], {
        "from_party": seller, "seller_handler": told["qian"], "buyer_handler": told["he"],
        "first_day": day, "last_day": day, "inspection_days": 15,
    })  # fmt: skip
    ledger.act(qian, [plan], **under)
    told["handover"] = plan.stream


def jointly(
    ledger: Ledger,
    told: Mapping[str, str],
    proposals: Sequence[Proposal],
    others: Mapping[str, str],
    options: Mapping[str, Any],
) -> None:
    """One commit that several people sign, without the way of a draft."""
    author = ledger.acting(told["qian"])
    people = {name: ledger.acting(told[name]) for name in others}
    events, ciphertexts = ledger.build(author, proposals, **options)
    cosigners = [people[name].cosigner(role) for name, role in others.items()]
    unsigned = ledger.note_over(
        author, events, ciphertexts, until=later(now(), days=1), cosigners=cosigners
    )
    keys = [author.key, *(one.key for one in people.values())]
    signed = sign_all(unsigned.note, keys)
    ledger.record(events, Submission(signed, unsigned.states, unsigned.ciphertexts))


def _tell(ledger: Ledger, told: Mapping[str, str], records: Sequence[str]) -> None:
    """Two records a person, and a notice that everybody got."""
    qian = ledger.acting(told["qian"])
    under: dict[str, Any] = {"engagement": told["deal"], "role": "seller_handler"}
    people = [new_ids("subject", 1)[0] for _ in range(len(records) // 2)]
    found = [
        Proposal(SubjectFound, person, {"records": list(records[2 * n : 2 * n + 2])})
        for n, person in enumerate(people)
    ]
    for at in range(0, len(found), _AT_ONCE):
        ledger.act(qian, found[at : at + _AT_ONCE], **under)
    issued = Proposal(NoticeIssued, new_ids("notice")[0], {
        "kind": "art_22", "recipient": told["buyer"], "channel": "sms", "template_version": 1,
        "count": len(people),
    }, {"content": "0" * 64})  # fmt: skip
    ledger.act(qian, [issued], **under)
    reached = {"status": "delivered", "channel": "sms", "delivered_at": now()}
    delivered = [
        Proposal(NoticeDelivered, issued.stream, {"subjects": part, **reached})
        for part in parts(people)
    ]
    for at in range(0, len(delivered), 100):
        ledger.act(qian, delivered[at : at + 100], **under)


# -- the steps, each in a program of its own -----------------------------------------------------


def step(name: str, path: Path) -> float:
    """Seconds that a step takes with the ledger open; run alone."""
    told = json.loads((path / _TOLD).read_text())
    with Ledger(Folder(path / "ledger"), ours.passphrase, writing=True) as ledger:
        _ = ledger.keystore.size
        state = ledger.state(told["handover"])
        if not isinstance(state, HandoverState):
            raise SystemExit("the measured handover is not there")
        start = time.perf_counter()
        STEPS[name](ledger, told, state, path / "package")
        return time.perf_counter() - start


def _freeze(ledger: Ledger, told: Mapping[str, str], state: HandoverState, _: Path) -> None:
    qian, moment = ledger.acting(told["qian"]), now()
    with asking(ledger, qian.actor) as asked:
        everything = everything_of(asked.connection, state.from_party)
        wanted = Wanted(records=everything, ordered=True)
        chosen = choose(asked, state, wanted, skip=True)
    if chosen.left_out:
        raise SystemExit(f"{len(chosen.left_out)} measured records were left out")
    frozen = Frozen(chosen.items, _SEED, moment[:10], ledger.seen()[0], chosen.persons)
    root = lines_root(line.format() for line in lines(ledger, frozen))
    proposals = freeze_list(state, chosen.items, lines=root, seed=_SEED.hex())
    persons = sealed_persons(chosen.items, chosen.persons)
    sealed = [
        one._replace(sealed={**(one.sealed or {}), **({"persons": part} if part else {})})
        for one, part in zip(proposals, persons, strict=True)
    ]
    ledger.act(qian, sealed, engagement=told["deal"], at=moment)


def _pack(ledger: Ledger, _told: Mapping[str, str], state: HandoverState, out: Path) -> None:
    pack(ledger, state, out)


def _release(ledger: Ledger, told: Mapping[str, str], state: HandoverState, package: Path) -> None:
    proposal = release_handover(state, None, package=package_digest(ledger, state, package))
    ledger.act(ledger.acting(told["qian"]), [proposal], engagement=told["deal"])


def _receive(ledger: Ledger, told: Mapping[str, str], state: HandoverState, package: Path) -> None:
    opened = open_delivered(ledger, state, package, [told["he"]])
    seen = dict(in_package(opened, usability=False))
    matched = sum(one.digest == "match" for one in seen.values())
    if matched != len(records_of(state.items)) or copies_of(state.items):
        raise SystemExit(f"{matched} of the measured contents matched")
    proposal = receive_handover(state, read=len(seen), matched=matched, package=opened.package)
    ledger.act(ledger.acting(told["he"]), [proposal], engagement=told["deal"])


def _inspect(ledger: Ledger, told: Mapping[str, str], state: HandoverState, package: Path) -> None:
    opened = open_delivered(ledger, state, package, [told["he"]])
    seen = dict(in_package(opened))
    words = judged(list(state.items), seen, accepted=set(), rejected=set(), rest=False)
    proposals = [
        proposal
        for word, items in to_record(ledger, state, words)
        for proposal in inspect_items(state.stream, items, word.digest, word.readable)
    ]
    if {one.readable for one in words.values()} != {"yes"}:
        raise SystemExit("some of the measured contents could not be used")
    ledger.act(ledger.acting(told["he"]), proposals, engagement=told["deal"])


def _confirm(ledger: Ledger, told: Mapping[str, str], state: HandoverState, _: Path) -> None:
    others = {"he": "buyer_handler", "wu": "supervisor", "ma": "supervisor"}
    under: dict[str, Any] = {"engagement": told["deal"], "role": "seller_handler"}
    jointly(ledger, told, confirm_handover(state, None), others, under)


def _take(ledger: Ledger, told: Mapping[str, str], state: HandoverState, package: Path) -> None:
    opened = open_delivered(ledger, state, package, [told["he"]])
    over = take_here(
        ledger, ledger.acting(told["he"]), state, opened, "disk_internal",
        engagement=told["deal"], role="custodian",
    )  # fmt: skip
    if over.taken != len(state.items):
        raise SystemExit(f"{over.taken} of the measured contents were taken")


_Step = Callable[[Ledger, Mapping[str, str], HandoverState, Path], None]
STEPS: Final[Mapping[str, _Step]] = {
    "freeze": _freeze, "pack": _pack, "release": _release, "receive": _receive,
    "inspect": _inspect, "confirm": _confirm, "take": _take,
}  # fmt: skip
"""In their order; each leaves the handover as the next one needs it."""
