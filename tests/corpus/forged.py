"""Bundles of a ledger whose keeper lies: entries made up, under a checkpoint rightly signed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from domain.values import later, timestamp
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.bundle.order import canonical_json
from ledger.evidence import b64url
from ledger.privatekey import PrivateKey, generate
from ledger.signing import Cosigner, commit_note
from ledger.tlog.commit import Entry, SignedCommit
from ledger.tlog.encoding import encode
from ledger.tlog.note import Note, SignatureLine
from tests.corpus import Files
from tests.corpus.attacks import DISPUTED, INVALID, SOFTWARE, UNVERIFIABLE, Attack
from tests.corpus.authority import POLICY, Authority
from tests.corpus.sealing import sealed
from tests.ledger.ledgers import found_firm
from tests.ledger.offline_forger import (
    Rogue,
    Shown,
    as_enrolled,
    export,
    next_of,
    next_review,
    reviewed,
)

BASE = "whole_ledger"
_ORDER = 2**252 + 27742317777372353535851937790883648493
_BLACKENED = "第█号合同".encode()
_LONG_AGO, _NEVER = "2020-01-01T00:00:00.000Z", "9999-01-01T00:00:00.000Z"


class Keeper(NamedTuple):
    """Somebody who keeps a small ledger, and the people whose keys they do not have, or do."""

    template: Rogue
    admin: PrivateKey
    reviewer: PrivateKey
    person: str
    authority: Authority

    def rogue(self) -> Rogue:
        """A ledger to lie with."""
        made = copy.copy(self.template)
        made.entries = list(self.template.entries)
        made.events = [list(states) for states in self.template.events]
        made.scope = dict(self.template.scope)
        return made

    def key(self, word: str, name: str = "") -> PrivateKey:
        """A key that nobody knows, under the reviewer's name or another."""
        secret = sha256(word.encode()).digest()
        return generate("ed25519", "act", name or self.reviewer.name, lambda _: secret)


def keep(home: Path, authority: Authority) -> tuple[Keeper, Ledger]:
    """Found the ledger in a folder; the caller closes it."""
    firm = found_firm(home / "small")
    ledger = firm.open()
    admin: Acting = ledger.acting(firm.founded.actor)
    reviewer = ledger.acting(firm.second)
    record = reviewed(ledger, admin, reviewer, home / "合同三")
    rogue = Rogue(ledger, export(ledger, admin, record))
    return Keeper(rogue, admin.key, reviewer.key, reviewer.actor, authority), ledger


def bundle(
    rogue: Rogue,
    shown: Shown = Shown(),  # noqa: B008  it never changes
    *,
    recorded: bool = False,
) -> Files:
    """What the keeper shows, without what no verifier reads."""
    files = {
        n: d for n, d in rogue.bundle(shown, recorded=recorded).items()
        if not n.startswith(("verify/", "data/00_", "data/40_", "data/50_", "data/60_"))
    }  # fmt: skip
    software = {"format": 1, "gaps": [], "python": "3", "software": "muniment"}
    files[SOFTWARE] = canonical_json(software)
    return sealed(files, rogue.case.exporter, bundle=rogue.name)


# -- the lies -------------------------------------------------------------------------------------

Lie = Callable[[Keeper, Rogue], "Shown | None"]


def _review(rogue: Rogue, *by: tuple[Any, str], at: str | None = None, **fields: Any) -> None:
    event = {**next_review(rogue), **fields}
    rogue.accept(rogue.said(event, by=list(by)), event, at=at)


def _enrols(keeper: Keeper, rogue: Rogue, key: Any, *by: tuple[Any, str], **fields: Any) -> None:
    """Somebody has a key enrolled for the reviewer."""
    event = next_of(rogue, keeper.person, type="actor.key_enrolled", key=as_enrolled(key), **fields)
    rogue.accept(rogue.said(event, by=[*by, (key, "possession")]), event)


def wrong_key(keeper: Keeper, rogue: Rogue) -> None:
    _review(rogue, (keeper.key("wrong"), "reviewer"))


def another_name(keeper: Keeper, rogue: Rogue) -> None:
    _review(rogue, (keeper.admin, "reviewer"))


def another_role(keeper: Keeper, rogue: Rogue) -> None:
    _review(rogue, (keeper.reviewer, "approver"))


def too_early(keeper: Keeper, rogue: Rogue) -> None:
    key = keeper.key("early")
    _review(rogue, (key, "reviewer"))
    _enrols(keeper, rogue, key, (keeper.admin, "administrator"), continuity="broken")


def alone(keeper: Keeper, rogue: Rogue) -> None:
    key = keeper.key("alone")
    _enrols(keeper, rogue, key, (keeper.admin, "administrator"), continuity="broken")


def revoked(keeper: Keeper, rogue: Rogue) -> None:
    key = keeper.reviewer.verifier.key_id.hex()
    rogue.administered(next_of(
        rogue, keeper.person, type="actor.key_revoked", key=key, reason="left"
    ))  # fmt: skip
    _review(rogue, (keeper.reviewer, "reviewer"))


def _reported(keeper: Keeper, rogue: Rogue, since: str) -> None:
    key = keeper.reviewer.verifier.key_id.hex()
    rogue.administered(next_of(
        rogue, keeper.person, type="actor.key_compromised", key=key, suspected_since=since
    ))  # fmt: skip


def compromised(keeper: Keeper, rogue: Rogue) -> None:
    _reported(keeper, rogue, _LONG_AGO)


def after_compromise(keeper: Keeper, rogue: Rogue) -> None:
    _reported(keeper, rogue, _NEVER)
    _review(rogue, (keeper.reviewer, "reviewer"))


def small_order(keeper: Keeper, rogue: Rogue) -> None:
    """A key for which everybody can sign everything: the neutral element of the curve."""
    public = bytes([1]) + bytes(31)
    name, holder = keeper.reviewer.name, keeper.reviewer
    key_id = sha256(name.encode() + b"\n\1" + public).digest()[:4]
    event = next_of(
        rogue, keeper.person, type="actor.key_enrolled", continuity="continuous",
        by=keeper.person, role="reviewer",
        key={"name": name, "id": key_id.hex(), "kind": "ed25519", "purpose": "act",
             "public": b64url(public)},
    )  # fmt: skip
    signers = [
        Cosigner(name, holder.verifier.key_id, "reviewer"), Cosigner(name, key_id, "possession")
    ]  # fmt: skip
    state = (len(rogue.entries), rogue.root)
    text = commit_note(rogue.origin, [encode(event)], state, signers).text()
    by_anybody = public + bytes(32)  # R the neutral element, S zero: it fits whatever is signed
    signatures = {holder.verifier.key_id: holder.sign(text), key_id: by_anybody}
    lines = (SignatureLine(name, one, signatures[one]) for one in sorted(signatures))
    accepted = Entry.parse(rogue.entries[-1]).accepted
    rogue.entries.append(f"accepted {accepted}\n".encode() + Note(text, tuple(lines)).format())
    rogue.events.append([encode(event)])


def not_canonical(keeper: Keeper, rogue: Rogue) -> None:
    """A signature that some libraries take and others do not: S above the group's order."""
    event = next_review(rogue)
    signed = rogue.said(event, by=[(keeper.reviewer, "reviewer")])
    line = signed.signatures[0]
    scalar = int.from_bytes(line.signature[32:], "little") + _ORDER
    twisted = line.signature[:32] + scalar.to_bytes(32, "little")
    again = SignatureLine(line.name, line.key_id, twisted)
    rogue.accept(SignedCommit(signed.note, (again,)), event)


def of_another_entry(_: Keeper, rogue: Rogue) -> None:
    """The signatures of two entries are exchanged."""
    parsed = [Entry.parse(data) for data in rogue.entries]
    alone = [n for n, one in enumerate(parsed) if n and len(one.commit.signatures) == 1]
    one, two = alone[0], alone[-1]
    for at, other in ((one, two), (two, one)):
        mine, theirs = parsed[at].commit.signatures[0], parsed[other].commit.signatures[0]
        line = SignatureLine(mine.name, mine.key_id, theirs.signature)
        commit = SignedCommit(parsed[at].commit.note, (line,))
        rogue.entries[at] = Entry(parsed[at].accepted, commit).format()


def one_key_twice(keeper: Keeper, rogue: Rogue) -> None:
    one, other = keeper.key("twice"), keeper.key("twice", keeper.admin.name)
    fields = {"continuity": "continuous", "by": keeper.person, "role": "reviewer"}
    _enrols(keeper, rogue, one, (keeper.reviewer, "reviewer"), **fields)
    actor = keeper.admin.name.rpartition("/")[2]
    event = next_of(
        rogue, actor, type="actor.key_enrolled", key=as_enrolled(other), continuity="continuous",
        by=actor,
    )  # fmt: skip
    signers: list[tuple[Any, str]] = [
        (keeper.admin, "administrator"), (other, "possession"), (one, "reviewer")
    ]  # fmt: skip
    rogue.accept(rogue.said(event, by=signers), event)


def clock_back(keeper: Keeper, rogue: Rogue) -> None:
    _review(rogue, (keeper.reviewer, "reviewer"), at=_LONG_AGO)


def other_ledger(keeper: Keeper, rogue: Rogue) -> None:
    event, here = next_review(rogue), rogue.origin
    rogue.origin = "other.example/ledger"
    signed = rogue.said(event, by=[(keeper.reviewer, "reviewer")])
    rogue.origin = here
    rogue.accept(signed, event)


def rewritten(_: Keeper, rogue: Rogue) -> None:
    """An old entry was accepted a second later than whoever signed after it had seen."""
    old = Entry.parse(rogue.entries[2])
    rogue.entries[2] = Entry(later(old.accepted, seconds=1), old.commit).format()


def two_histories(keeper: Keeper, rogue: Rogue) -> None:
    event = next_review(rogue)
    first = rogue.said(event, by=[(keeper.reviewer, "reviewer")])
    rogue.entries[-1], kept = rogue.entries[0], rogue.entries[-1]
    other = {**event, "version": event["version"] + 1}
    second = rogue.said(other, by=[(keeper.reviewer, "reviewer")])
    rogue.entries[-1] = kept
    rogue.accept(first, event)
    rogue.accept(second, other)


def unseen(keeper: Keeper, rogue: Rogue) -> None:
    event = next_review(rogue)
    rogue.entries += [b"x", b"y"]
    signed = rogue.said(event, by=[(keeper.reviewer, "reviewer")])
    del rogue.entries[-2:]
    rogue.accept(signed, event)


def repeated(keeper: Keeper, rogue: Rogue) -> None:
    event = rogue.last("record.verified")
    rogue.accept(rogue.said(event, by=[(keeper.reviewer, "reviewer")]), event)


def usurped(keeper: Keeper, rogue: Rogue) -> None:
    rogue.key = generate("ed25519", "checkpoint", rogue.origin, lambda _: b"\x11" * 32)


def backdated(keeper: Keeper, rogue: Rogue) -> Shown:
    """Accepted an hour before the time token that its signer had seen."""
    size = len(rogue.entries)
    note = rogue.state(size)
    accepted = Entry.parse(rogue.entries[-1]).accepted
    moment = datetime.fromisoformat(accepted).replace(microsecond=0) + timedelta(hours=1)
    imprint = sha256(note).digest()
    reply = keeper.authority.reply(imprint, moment, 99)
    rogue.administered(rogue.of_ledger(
        "ledger.timestamp_anchored", size=size, root=rogue.root.hex(), imprint=imprint.hex(),
        token=sha256(reply).hexdigest(), gen_time=timestamp(moment), policy=POLICY,
    ))  # fmt: skip
    _review(rogue, (keeper.reviewer, "reviewer"))
    return Shown(stamped=[(note, reply)])


def false_index(_: Keeper, rogue: Rogue) -> Shown:
    """The index says another last event of the record than there is."""
    rows = rogue.index_rows(len(rogue.entries))
    about = rogue.scope["id"]
    at = next(n for n, row in enumerate(rows) if row.startswith(f"{about} {about} "))
    parts = rows[at].split(" ")
    rows[at] = " ".join([*parts[:3], "0" * 64])
    rogue.publish_index(rows)
    return Shown(indexed=True)


# -- what is recorded of the export ---------------------------------------------------------------


def _attached(rogue: Rogue) -> Shown:
    """A file that goes along with the record."""
    event = rogue.last("record.collected")
    row = {
        "event": f"{event['stream']}/{event['version']}", "file": "files/1.txt", "kind": "redacted",
        "path": "content", "reason": "trade_secret", "sha256": sha256(_BLACKENED).hexdigest(),
    }  # fmt: skip
    return Shown(attachments=[row], files={"files/1.txt": _BLACKENED})


def _told(rogue: Rogue, shown: Shown) -> tuple[str, list[dict[str, Any]]]:
    """The stream of an export and its events, as they should be; not recorded yet."""
    rogue.record_export(shown)
    told = rogue.told(rogue.name)
    rogue.take_back()
    return rogue.name, told


def asked_for_nothing(_: Keeper, rogue: Rogue) -> Shown:
    shown = _attached(rogue)
    rogue.record_export(shown, approved=False, attached=0)
    return shown


def agreed_to_by_nobody(_: Keeper, rogue: Rogue) -> Shown:
    shown = _attached(rogue)
    rogue.record_export(shown, approved=False)
    return shown


def agreed_to_by_whoever_asked(_: Keeper, rogue: Rogue) -> Shown:
    shown = _attached(rogue)
    stream, (asked, agreed, done) = _told(rogue, shown)
    rogue.recorded(stream, asked, {**agreed, "by": asked["by"], "role": asked["role"]}, done)
    return shown


def agreed_to_something_else(_: Keeper, rogue: Rogue) -> Shown:
    shown = _attached(rogue)
    stream, (asked, agreed, done) = _told(rogue, shown)
    rogue.recorded(stream, asked, {**agreed, "selection": "0" * 64}, done)
    return shown


def not_asked_for(_: Keeper, rogue: Rogue) -> None:
    stream, (_asked, done) = _told(rogue, Shown())
    rogue.recorded(stream, done)


def exported_twice(_: Keeper, rogue: Rogue) -> None:
    stream, (asked, done) = _told(rogue, Shown())
    rogue.recorded(stream, asked, done, done)


def of_another_bundle(_: Keeper, rogue: Rogue) -> Shown:
    shown = _attached(rogue)
    rogue.record_export(shown)
    rogue.name = "bundle-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e"
    return shown


def attached_without_a_reason(_: Keeper, rogue: Rogue) -> Shown:
    shown = _attached(rogue)
    bare = {name: value for name, value in shown.attachments[0].items() if name != "reason"}
    shown = shown._replace(attachments=[bare])
    rogue.record_export(shown)
    return shown


def attached_for_a_whim(_: Keeper, rogue: Rogue) -> Shown:
    shown = _attached(rogue)
    shown = shown._replace(attachments=[{**shown.attachments[0], "reason": "whim"}])
    rogue.record_export(shown)
    return shown


def attached_for_another_reason(_: Keeper, rogue: Rogue) -> Shown:
    shown = _attached(rogue)
    rogue.record_export(shown)
    return shown._replace(attachments=[{**shown.attachments[0], "reason": "personal_data"}])


def deal_withheld(_: Keeper, rogue: Rogue) -> Shown:
    event = rogue.last("engagement.opened")
    return Shown(withheld={f"{event['stream']}/{event['version']}": "trade_secret"})


LIES: tuple[tuple[str, str, Lie, str, tuple[str, ...]], ...] = (
    ("signed_with_a_wrong_key", "A review is signed with a key that nobody enrolled.", wrong_key,
     UNVERIFIABLE, ("key_unknown",)),
    ("signed_in_anothers_name", "An administrator signs another's review.", another_name,
     INVALID, ("author_did_not_sign",)),
    ("signed_in_another_role", "The reviewer signs as something else.", another_role, INVALID,
     ("author_did_not_sign",)),
    ("key_used_before_it_was_enrolled", "A review is signed with a key enrolled afterwards.",
     too_early, INVALID, ("key_not_yet_enrolled",)),
    ("key_enrolled_by_one_alone", "One administrator gives somebody a new key, alone.", alone,
     INVALID, ("key_act_not_permitted",)),
    ("key_used_after_it_was_revoked", "A review is signed with a revoked key.", revoked, INVALID,
     ("key_ended_before",)),
    ("key_compromised", "The reviewer's key is reported as compromised since long ago.",
     compromised, DISPUTED, ("key_compromised",)),
    ("key_used_after_it_was_reported", "A key signs after it was reported as compromised.",
     after_compromise, INVALID, ("key_ended_before",)),
    ("key_of_small_order", "A key is enrolled for which anybody can sign anything.", small_order,
     INVALID, ("enrolment_invalid",)),
    ("signature_not_canonical", "A signature's scalar is above the order of the group.",
     not_canonical, INVALID, ("signature_fails",)),
    ("signatures_exchanged", "The signatures of two entries are exchanged.", of_another_entry,
     INVALID, ("signature_fails",)),
    ("one_key_for_two", "Two signers of one commit have one key.", one_key_twice, INVALID,
     ("key_signs_twice",)),
    ("clock_went_back", "An entry was accepted before the one before it.", clock_back, INVALID,
     ("clock_regression",)),
    ("entry_signed_for_another_ledger", "An entry was signed for another ledger.", other_ledger,
     INVALID, ("entry_foreign",)),
    ("history_rewritten", "An old entry is another than the signers after it had seen.", rewritten,
     INVALID, ("state_not_prefix",)),
    ("from_a_fork", "Two signers saw two ledgers of one size.", two_histories, INVALID,
     ("seen_contradicts",)),
    ("seen_before_it_was", "A signer saw a state that was not there yet.", unseen, INVALID,
     ("seen_out_of_range",)),
    ("version_repeated", "A version of a stream stands there twice.", repeated, INVALID,
     ("version_gap",)),
    ("checkpoint_by_a_usurper", "Another key under the ledger's name signs the checkpoint.",
     usurped, UNVERIFIABLE, ("checkpoint_key_unknown",)),
    ("accepted_before_what_was_seen", "An entry says a time before the token its signer had seen.",
     backdated, DISPUTED, ("accepted_outside_interval",)),
    ("index_published_wrong", "The index says another last event than there is.", false_index,
     INVALID, ("index_differs",)),
    ("export_of_more_than_was_asked_for", "A file goes along; the request said that none would.",
     asked_for_nothing, INVALID, ("selection_differs",)),
    ("export_nobody_agreed_to", "A file goes along, and nobody but whoever exported agreed.",
     agreed_to_by_nobody, INVALID, ("selection_differs",)),
    ("export_agreed_to_by_whoever_asked", "Whoever asked for the evidence agrees to it as well.",
     agreed_to_by_whoever_asked, INVALID, ("selection_differs",)),
    ("export_agreed_to_is_another", "What was agreed to is something else than goes.",
     agreed_to_something_else, INVALID, ("selection_differs",)),
    ("export_nobody_asked_for", "An export is recorded for which nobody asked.", not_asked_for,
     INVALID, ("selection_differs",)),
    ("export_recorded_twice", "An export is recorded twice.", exported_twice, INVALID,
     ("selection_differs",)),
    ("export_of_another_bundle", "The scope names the recorded export of an earlier bundle.",
     of_another_bundle, INVALID, ("selection_differs",)),
    ("attachment_redacted_without_a_reason", "A redacted file goes along, and nobody says why.",
     attached_without_a_reason, INVALID, ("file_malformed",)),
    ("attachment_redacted_for_a_whim", "A file is redacted for a reason that is none.",
     attached_for_a_whim, INVALID, ("file_malformed",)),
    ("attachment_redacted_for_another_reason", "A file is redacted for another reason than asked.",
     attached_for_another_reason, INVALID, ("selection_differs",)),
    ("deal_withheld", "The event that opened the deal is withheld.", deal_withheld, INVALID,
     ("redactions_differ",)),
)  # fmt: skip


def forged(keeper: Keeper) -> Iterator[Attack]:
    """Every lie of a keeper, and first the ledger as it is."""
    says = "A whole small ledger."
    yield Attack(BASE, says, BASE, bundle(keeper.rogue()), "valid", (), "small")
    for name, words, lie, verdict, codes in LIES:
        rogue = keeper.rogue()
        shown = lie(keeper, rogue)
        recorded = rogue.name != keeper.template.name
        broken = bundle(rogue, shown or Shown(), recorded=recorded)
        yield Attack(name, words, BASE, broken, verdict, codes, "small")
    words = "Somebody else of the ledger than whoever exported signs for the package."
    broken = sealed(bundle(keeper.rogue()), keeper.reviewer)
    yield Attack("exporter_is_another", words, BASE, broken, INVALID, ("exporter_key_unfit",),
                 "small")  # fmt: skip
