"""What a bundle is proved by: states, witnesses, an index, tokens; and what follows from each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.index.publishing import publish
from ledger.tlog.checkpoint import Checkpoint, cosign_checkpoint, open_checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.note import Note
from tests.ledger.bundles import LEDGER, evidence, loaded, ordered, so_far, written
from tests.ledger.crews import Site, gather
from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm, collect_files, small_act
from tests.ledger.papers import certified
from tests.ledger.proved import (
    check_consistency,
    checked,
    claim,
    cosigned,
    cosigner,
    gaps,
    head_of,
    other_states,
)
from tests.ledger.signers import ToySigner
from tests.ledger.tampering import hand_in


@pytest.fixture
def record(ledger: Ledger, admin: Acting, tmp_path: Path) -> str:
    return collect_files(ledger, admin, tmp_path / "丁家巷")[0].record


# -- states -------------------------------------------------------------------------------------


def test_every_state_that_a_signer_had_seen_is_proved_to_be_a_prefix(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    for number in range(6):
        ledger.act(second_person, [acts.review(record, ["accuracy"], "pass")])
        ledger.act(admin, [small_act(number)])
    assert len(check_consistency(evidence(ledger, admin, "record", record))) > 6


def test_the_newest_cosigned_state_goes_along_and_older_ones_do_not(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    witness = cosigner("w.example/one")
    cosigned(ledger, witness)
    ledger.act(admin, [small_act(1)])
    size = cosigned(ledger, witness)
    ledger.act(admin, [small_act(2)])
    ledger.sign_checkpoint()
    bundle = evidence(ledger, admin, "record", record)
    assert other_states(bundle) == [size]
    assert size in check_consistency(bundle)
    note = bundle.files[f"{LEDGER}/checkpoints/{size}.txt"]
    opened = open_checkpoint(note, [ledger.folder.pinned_key(), witness.verifier])
    assert len(opened.note.signatures) == 2
    report = checked(ledger, bundle, witness)
    assert claim(report, "witnessed")[0] == "holds"
    assert claim(checked(ledger, bundle), "witnessed")[0] == "undecided"
    assert "no_cosignature" not in gaps(bundle)


def test_a_cosigned_state_is_found_behind_any_number_of_plain_ones(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    """Every act may sign a state; somebody cosigns once a quarter, and certifies once a year."""
    indexer, witness = cosigner("w.example/index"), cosigner("w.example/one")
    certified_size = cosigned(ledger, indexer)
    ledger.act(admin, [small_act(1)])
    size = cosigned(ledger, witness)
    ledger.act(admin, [small_act(2)])
    plain = ledger.sign_checkpoint()
    with hand_in(ledger.folder.database) as connection:
        row = (head_of(plain).size, plain)
        statement = "INSERT INTO checkpoints (size, note) VALUES (?, ?)"
        connection.executemany(statement, [row] * 1_200)
    bundle = evidence(ledger, admin, "record", record)
    assert other_states(bundle) == [certified_size, size]
    assert "no_cosignature" not in gaps(bundle)
    assert claim(checked(ledger, bundle, witness), "witnessed")[0] == "holds"


def test_without_any_cosignature_the_bundle_says_so(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    bundle = evidence(ledger, admin, "record", record)
    assert other_states(bundle) == []
    assert {"no_cosignature", "no_index", "no_timestamp", "no_openings"} <= set(gaps(bundle))


def test_of_a_state_with_several_notes_the_one_with_most_signatures_goes(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    one, two = cosigner("w.example/one"), cosigner("w.example/two")
    size = cosigned(ledger, one)
    note = Note.parse(ledger.last_checkpoint() or b"")
    head = Checkpoint.parse(note.text)
    both = (*note.signatures, cosign_checkpoint(head, two, 1))
    ledger.log.add_checkpoint(size, Note(note.text, both).format())
    ledger.log.add_checkpoint(size, note.format())
    bundle = evidence(ledger, admin, "record", record)
    data = bundle.files[f"{LEDGER}/checkpoints/{size}.txt"]
    names = [line.name for line in Note.parse(data).signatures]
    assert names == [ledger.origin, "w.example/one", "w.example/two"]


def test_of_two_notes_with_as_many_signatures_the_newer_goes(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    note = Note.parse(ledger.sign_checkpoint())
    head = Checkpoint.parse(note.text)
    lines = [cosign_checkpoint(head, cosigner("w.example/one"), at) for at in (1, 2)]
    notes = [Note(note.text, (*note.signatures, line)).format() for line in lines]
    for data in notes:
        ledger.log.add_checkpoint(head.size, data)
    bundle = evidence(ledger, admin, "record", record)
    assert bundle.files[f"{LEDGER}/checkpoints/{head.size}.txt"] == notes[-1]


def test_a_head_that_was_cosigned_is_the_head(ledger: Ledger, admin: Acting, record: str) -> None:
    witness = cosigner("w.example/one")
    order = ordered(ledger, admin, "record", record)
    size = cosigned(ledger, witness)
    bundle = written(ledger, admin, order)
    assert (bundle.size, other_states(bundle)) == (size, [])
    assert claim(checked(ledger, bundle, witness), "witnessed")[0] == "holds"


def test_a_state_whose_note_says_another_root_is_not_handed_out(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    head = head_of(ledger.sign_checkpoint())
    forged = Checkpoint(ledger.origin, head.size, b"\7" * 32)
    line = cosign_checkpoint(forged, cosigner("w.example/one"), 1)
    own = Note.parse(ledger.sign_checkpoint()).signatures
    ledger.log.add_checkpoint(head.size, Note(forged.format(), (*own, line)).format())
    with pytest.raises(Exception, match="nothing was exported"):
        evidence(ledger, admin, "record", record)


# -- the index ----------------------------------------------------------------------------------


@pytest.fixture
def indexer() -> ToySigner:
    return cosigner("auditor.example/index")


def test_a_record_is_complete_up_to_an_index_that_somebody_of_trust_computed_again(
    ledger: Ledger, admin: Acting, record: str, indexer: ToySigner
) -> None:
    done = publish(ledger, admin)
    assert done is not None
    cosigned(ledger, indexer)
    ledger.act(admin, [small_act(1)])
    bundle = evidence(ledger, admin, "record", record)
    report = checked(ledger, bundle, indexer)
    assert (report.verdict, claim(report, "complete")[0]) == ("valid", "holds")
    assert report.complete_to == done.size
    index = loaded(bundle.files, f"{LEDGER}/index.json")
    assert index["event"] == done.receipt.events[0].id
    assert loaded(bundle.files, f"{LEDGER}/scope.json")["index"] == index["event"]
    assert {one["object"].partition("-")[0] for one in index["objects"]} == {"record", "holding"}
    for one in index["objects"]:
        own = [row for row in one["rows"] if row["text"].startswith(f"{one['object']} ")]
        assert own
        assert len(one["rows"]) - len(own) <= 2


def test_nobody_elses_word_makes_it_complete(
    ledger: Ledger, admin: Acting, record: str, indexer: ToySigner
) -> None:
    publish(ledger, admin)
    witness = cosigner("w.example/one")
    cosigned(ledger, witness, indexer)
    bundle = evidence(ledger, admin, "record", record)
    assert claim(checked(ledger, bundle, indexer), "complete")[0] == "holds"
    for trusted in ((), (witness,), (cosigner("auditor.example/index", "another"),)):
        assert claim(checked(ledger, bundle, *trusted), "complete") == (
            "undecided", ("not_certified",)
        )  # fmt: skip


def test_a_cosignature_from_before_the_index_does_not_certify_it(
    ledger: Ledger, admin: Acting, record: str, indexer: ToySigner
) -> None:
    cosigned(ledger, indexer)
    publish(ledger, admin)
    report = checked(ledger, evidence(ledger, admin, "record", record), indexer)
    assert claim(report, "complete") == ("undecided", ("not_certified",))


def test_the_index_that_is_certified_counts_more_than_a_newer_one(
    ledger: Ledger, admin: Acting, record: str, indexer: ToySigner
) -> None:
    first = publish(ledger, admin)
    assert first is not None
    cosigned(ledger, indexer, cosigner("w.example/one"))
    ledger.act(admin, [small_act(1)])
    publish(ledger, admin)
    cosigned(ledger, cosigner("w.example/one"))
    bundle = evidence(ledger, admin, "record", record)
    report = checked(ledger, bundle, indexer)
    assert (report.verdict, claim(report, "complete")[0]) == ("valid", "holds")
    assert report.complete_to == first.size
    assert len(other_states(bundle)) == 2


def test_without_an_index_nothing_is_complete(
    ledger: Ledger, admin: Acting, record: str, indexer: ToySigner
) -> None:
    cosigned(ledger, indexer)
    bundle = evidence(ledger, admin, "record", record)
    assert f"{LEDGER}/index.json" not in bundle.files
    assert claim(checked(ledger, bundle, indexer), "complete") == ("undecided", ("no_index",))


def test_what_only_the_index_knows_to_name_the_object_goes_along(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    """A reviewer of a record is named in it by nothing but `by`."""
    ledger.act(second_person, [acts.review(record, ["accuracy"], "pass")])
    publish(ledger, admin)
    bundle = evidence(ledger, admin, "actor", second_person.actor)
    streams = loaded(bundle.files, f"{LEDGER}/scope.json")["streams"]
    assert record in streams
    (about,) = loaded(bundle.files, f"{LEDGER}/index.json")["objects"]
    rows = about["rows"]
    named = {row["text"].split(" ")[1] for row in rows
             if row["text"].startswith(second_person.actor)}  # fmt: skip
    assert named <= set(streams)
    assert checked(ledger, bundle).verdict == "valid"


def test_a_person_is_never_said_to_be_complete(
    firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indexer: ToySigner
) -> None:
    deal = deal_at(firm, tmp_path, monkeypatch)
    deal.ready("甲.txt")
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        publish(ledger, admin)
        cosigned(ledger, indexer)
        bundle = evidence(ledger, admin, "subject", deal.customer)
        report = checked(ledger, bundle, indexer)
    assert f"{LEDGER}/index.json" not in bundle.files
    assert (report.verdict, claim(report, "complete")) == ("valid", ("undecided", ("search",)))


# -- every kind ---------------------------------------------------------------------------------


@pytest.fixture
def site(firm: Firm) -> Iterator[Site]:
    with gather(firm).open() as site:
        yield site


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("kind", ["record", "destruction_case", "actor", "period"])
def test_a_destruction_and_those_who_did_it_are_valid_evidence_of_every_kind(
    site: Site, tmp_path: Path, indexer: ToySigner, kind: str, *, trusted: bool
) -> None:
    case = certified(site, tmp_path / "过期")
    (record,) = _records(site.ledger)
    publish(site.ledger, site.wang)
    upto = site.ledger.seen()[0]
    cosigned(site.ledger, indexer)
    objects = {"record": record, "destruction_case": case, "actor": site.crew.people["sun"]}
    span = ("", "")
    if kind == "period":
        with site.ledger.engine.connect() as connection:
            data = connection.exec_driver_sql(
                "SELECT data FROM commits WHERE entry = ?", (upto - 1,)
            ).scalar_one()
        span = (so_far()[0], Entry.parse(bytes(data)).accepted)
    bundle = evidence(site.ledger, site.wang, kind, objects.get(kind, ""), span=span)
    report = checked(site.ledger, bundle, *([indexer] if trusted else []))
    assert report.verdict == "valid"
    sound = ("package_intact", "checkpoint_trusted", "events_genuine", "streams_unbroken")
    assert {claim(report, name)[0] for name in sound} == {"holds"}
    expected = ("holds", ()) if trusted else ("undecided", ("not_certified",))
    assert claim(report, "complete") == expected
    check_consistency(bundle)


def _records(ledger: Ledger) -> list[str]:
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT state FROM events WHERE topic = 'record.collected'"
        ).all()
    return [bytes(row[0]).decode().partition('"stream":"')[2].partition('"')[0] for row in rows]


def test_a_handover_of_two_firms_is_valid_and_complete(
    firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indexer: ToySigner
) -> None:
    deal: Deal = deal_at(firm, tmp_path, monkeypatch)
    handover = deal.handed_over(deal.ready("甲.txt"))
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        publish(ledger, admin)
        cosigned(ledger, indexer)
        bundle = evidence(ledger, admin, "handover", handover)
        report = checked(ledger, bundle, indexer)
    assert (report.verdict, claim(report, "complete")[0]) == ("valid", "holds")
