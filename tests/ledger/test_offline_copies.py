"""What is left out of otherwise flawless evidence, in the histories beside the record's own.

Backups, holds and destructions name copies, not records; keys end in the streams of people. Whoever
exports signs for the rest again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.acting import Acting
from ledger.application import Ledger
from ledger.bundle import indexed
from ledger.index.publishing import publish
from ledger.offline.complete import copies_named
from ledger.offline.events import format_file
from ledger.offline.report import Report
from ledger.signing import new_ids
from ledger.tlog.merkle import leaf_hash
from tests.corpus.sealing import changed, left_out
from tests.ledger.bundles import evidence
from tests.ledger.crews import Site, gather
from tests.ledger.ledgers import Firm, collect_files
from tests.ledger.offline_forger import (
    BOOK,
    EVENTS,
    INDEX,
    KEYS,
    PLACES,
    REDACTIONS,
    ROLES,
    SCOPE,
    Case,
    Files,
    Rogue,
    Shown,
    answers,
    check,
    codes,
    next_of,
    reasons,
    resealed,
)
from tests.ledger.papers import certified as certified_destruction
from tests.ledger.proved import cosigned
from tests.ledger.rogues import Estate
from tests.ledger.signers import signer

AUDITOR = signer("auditor.example/index", 4)
NEVER = "9999-01-01T00:00:00.000Z"


# -- what Muniment itself writes ------------------------------------------------------------------


@pytest.fixture
def site(firm: Firm) -> Iterator[Site]:
    with gather(firm).open() as site:
        yield site


@pytest.fixture
def destroyed(site: Site, tmp_path: Path) -> tuple[Case, str, str]:
    """The evidence of a record whose only copy was destroyed; the copy, the destruction case."""
    destruction = certified_destruction(site, tmp_path / "过期")
    record, copy = collected(site.ledger)
    return indexed_evidence(site.ledger, site.wang, record), copy, destruction


def collected(ledger: Ledger) -> tuple[str, str]:
    """The one record, and the copy that it came in."""
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT state FROM events WHERE topic = 'record.collected'"
        ).all()
    (event,) = (json.loads(row[0]) for row in rows)
    (copy,) = copies_named(event)
    return event["stream"], copy


def indexed_evidence(ledger: Ledger, acting: Acting, record: str) -> Case:
    """With an index that the auditor computed too."""
    publish(ledger, acting)
    cosigned(ledger, AUDITOR)
    made = evidence(ledger, acting, "record", record)
    return Case(dict(made.files), ledger.folder.pinned_key().format(), acting.key, record)


def told(case: Case, files: Files) -> Report:
    return check(files, case.vkey, [AUDITOR])


def last_of(files: Files, stream: str) -> str:
    places = json.loads(files[PLACES])
    return [str(p["event"]) for p in places if p["event"].startswith(stream)][-1]


def without_object(files: Files, name: str) -> dict[str, bytes | None]:
    """A change: the rows of one object are not shown."""
    index = json.loads(files[INDEX])
    index["objects"] = [one for one in index["objects"] if one["object"] != name]
    return {INDEX: format_file(index)}


Destroyed = tuple[Case, str, str]


def test_the_evidence_of_a_destroyed_record_is_complete_with_its_copy_and_the_case(
    destroyed: Destroyed,
) -> None:
    case, copy, destruction = destroyed
    report = told(case, case.files)
    assert (report.verdict, answers(report)["complete"]) == ("valid", "holds")
    assert destruction in json.loads(case.files[SCOPE])["streams"]
    objects = {one["object"] for one in json.loads(case.files[INDEX])["objects"]}
    assert objects == {case.record, copy}


def test_the_end_of_a_destruction_that_names_the_copy_alone_cannot_be_left_out(
    destroyed: Destroyed,
) -> None:
    """The certificate of the destruction: the record's own rows know nothing of the case."""
    case, _, destruction = destroyed
    rows = {one["object"]: one["rows"] for one in json.loads(case.files[INDEX])["objects"]}
    assert not any(destruction in row["text"] for row in rows[case.record])
    event = last_of(case.files, destruction)
    report = told(case, resealed(case, left_out(case.files, event)))
    assert codes(report) == {"index_differs"}
    assert [found.event for found in report.findings] == [event]
    assert answers(report)["complete"] == "fails"


def test_without_the_rows_of_the_copy_it_is_open_whether_its_cases_are_there(
    destroyed: Destroyed,
) -> None:
    case, copy, destruction = destroyed
    event = last_of(case.files, destruction)
    hidden = {**left_out(case.files, event), **without_object(case.files, copy)}
    report = told(case, resealed(case, hidden))
    assert report.verdict == "valid"
    assert reasons(report, "complete") == ["index_partial"]
    assert report.complete_to == -1


def test_the_event_that_names_the_copy_cannot_be_exchanged_for_one_that_does_not(
    destroyed: Destroyed,
) -> None:
    """Neither is it one that the ledger has, nor is the first one there."""
    case, copy, destruction = destroyed
    places = json.loads(case.files[PLACES])
    lines = case.files[EVENTS].splitlines(keepends=True)
    at = next(n for n, p in enumerate(places) if p["event"] == f"{case.record}/1")
    lines[at] = lines[at].replace(copy.encode(), copy.encode()[:-1] + b"x")
    files = {**case.files, EVENTS: b"".join(lines)}
    hidden: dict[str, bytes | None] = {
        **left_out(files, last_of(files, destruction)), **without_object(files, copy),
        f"{BOOK}/proofs/{places[at]['entry']}-{places[at]['index']}.tlog-proof": None,
    }  # fmt: skip
    report = told(case, resealed(case, hidden))
    assert codes(report) == {"event_proof_missing", "version_gap"}
    assert answers(report)["complete"] == "fails"


def test_a_stream_cannot_be_kept_out_of_the_scope_to_be_spared_what_is_said_of_time(
    destroyed: Destroyed,
) -> None:
    case, copy, destruction = destroyed
    scope = json.loads(case.files[SCOPE])
    for stream in (copy, destruction):
        streams = [one for one in scope["streams"] if one != stream]
        shorter = {SCOPE: format_file({**scope, "streams": streams})}
        report = told(case, resealed(case, shorter))
        assert codes(report) == {"derived_differs"}, stream
        assert [found.file for found in report.findings] == [SCOPE]
        assert report.verdict == "invalid"


def test_a_stream_that_the_index_names_is_in_the_scope_though_it_proves_keys_elsewhere(
    site: Site, tmp_path: Path
) -> None:
    """Of a person: the deals and the ledger's own acts in which they spoke."""
    certified_destruction(site, tmp_path / "过期")
    publish(site.ledger, site.wang)
    cosigned(site.ledger, AUDITOR)
    person = site.wang.actor
    made = evidence(site.ledger, site.wang, "actor", person)
    case = Case(dict(made.files), site.ledger.folder.pinned_key().format(), site.wang.key, person)
    assert told(case, case.files).verdict == "valid"
    scope = json.loads(case.files[SCOPE])
    proving = [s for s in scope["streams"] if s.startswith(("ledger-", "actor-", "party-"))]
    for stream in proving[1:3]:
        streams = [one for one in scope["streams"] if one != stream]
        shorter = {SCOPE: format_file({**scope, "streams": streams})}
        assert codes(told(case, resealed(case, shorter))) == {"derived_differs"}


def test_a_copy_with_very_many_rows_is_left_out_and_said_to_be(
    ledger: Ledger, admin: Acting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = collect_files(ledger, admin, tmp_path / "合同")[0].record
    monkeypatch.setattr(indexed, "_MOST", 1)  # the record has one row, its copy two
    case = indexed_evidence(ledger, admin, record)
    (about,) = json.loads(case.files[INDEX])["objects"]
    assert about["object"] == record
    assert "index_partial" in json.loads(case.files["data/60_环境/software.json"])["gaps"]
    report = told(case, case.files)
    assert (report.verdict, reasons(report, "complete")) == ("valid", ["index_partial"])


def test_a_person_with_very_many_rows_comes_with_every_stream_all_the_same(
    ledger: Ledger, admin: Acting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect_files(ledger, admin, tmp_path / "合同")
    publish(ledger, admin)
    whole = evidence(ledger, admin, "actor", admin.actor)
    monkeypatch.setattr(indexed, "_MOST", 1)
    cut = evidence(ledger, admin, "actor", admin.actor)
    of = [json.loads(one.files[SCOPE])["streams"] for one in (whole, cut)]
    assert set(of[0]) - {whole.id} <= set(of[1])
    assert json.loads(cut.files[INDEX])["objects"] == []
    report = check(cut.files, ledger.folder.pinned_key().format(), [AUDITOR])
    assert (report.verdict, reasons(report, "complete")) == ("valid", ["index_partial"])


# -- what whoever keeps the ledger may write ------------------------------------------------------


@pytest.fixture
def rogue(estate: Estate) -> Rogue:
    return estate.rogue


def shown(rogue: Rogue, *unindexed: str) -> Shown:
    return Shown(
        cosigned={len(rogue.entries): (AUDITOR,)}, indexed=True, unindexed=unindexed
    )  # fmt: skip


def read(rogue: Rogue, files: Files) -> Report:
    return check(files, rogue.case.vkey, [AUDITOR])


def without(rogue: Rogue, *events: str, also: Files | None = None, hidden: str = "") -> Report:
    """What is said of the evidence without these events."""
    unindexed = (hidden,) if hidden else ()
    files = rogue.bundle(shown(rogue, *unindexed))
    changes: dict[str, bytes | None] = dict(also or {})
    for event in events:
        changes |= left_out(changed(files, changes), event)
    changes[SCOPE] = unnamed(changed(files, changes))
    return read(rogue, rogue.bundle(shown(rogue, *unindexed), changes))


def unnamed(files: Files) -> bytes:
    """The scope without the streams of which no event is left."""
    scope, places = (json.loads(files[name]) for name in (SCOPE, PLACES))
    left = {place["event"].partition("/")[0] for place in places}
    return format_file({**scope, "streams": [one for one in scope["streams"] if one in left]})


def copy_of(rogue: Rogue) -> str:
    """The copy that the record lies in."""
    (copy,) = {n for e in rogue.all_events() if e["stream"] == rogue.case.record
               for n in copies_named(e)}  # fmt: skip
    return copy


def said(rogue: Rogue, kind: str, **fields: Any) -> str:
    """A new stream of this kind; the id of its only event."""
    (stream,) = new_ids(kind)
    rogue.administered(next_of(rogue, stream, type=f"{kind}.said", **fields))
    return f"{stream}/1"


def test_a_copy_made_of_a_copy_is_looked_up_too(rogue: Rogue) -> None:
    """Only the first copy names the second, and only the second is in the case."""
    second = said(rogue, "holding", made_from=copy_of(rogue)).partition("/")[0]
    third = said(rogue, "holding", made_from=f"{second}/1").partition("/")[0]
    case = said(rogue, "destruction_case", items=[{"holding": third}])
    rogue.publish_index()
    assert answers(read(rogue, rogue.bundle(shown(rogue))))["complete"] == "holds"
    assert codes(without(rogue, case)) == {"index_differs"}
    for hidden in (copy_of(rogue), second, third):
        if hidden == third:
            report = without(rogue, case, hidden=hidden)
            assert (codes(report), reasons(report, "complete")) == (set(), ["index_partial"])
        else:  # what follows from an object that is not shown is not asked for, and too much
            assert "index_malformed" in codes(without(rogue, case, hidden=hidden))


def test_a_copy_that_the_record_names_in_any_way_is_one_of_its_own(rogue: Rogue) -> None:
    """No schema is asked: the id of an event of it, in a list, in a field nobody knows."""
    (copy,) = new_ids("holding")
    hold = said(rogue, "hold", objects=[copy])
    rogue.administered(next_of(
        rogue, rogue.case.record, type="record.said", unheard_of=[{"of": [f"{copy}/7"]}]
    ))  # fmt: skip
    rogue.publish_index()
    assert answers(read(rogue, rogue.bundle(shown(rogue))))["complete"] == "holds"
    assert codes(without(rogue, hold)) == {"index_differs"}
    report = without(rogue, hold, hidden=copy)
    assert reasons(report, "complete") == ["index_partial"]


def test_what_looks_like_a_copy_and_is_none_is_not_looked_up() -> None:
    good = "holding-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e"
    for value in (good, f"{good}/1", [good], {"a": {"b": [f"{good}/12"]}}):
        assert copies_named(value) == {good}, value
    others: tuple[Any, ...] = (
        f"{good}/0", f"{good}/", f"x{good}", f"{good}x", good.upper(), {good: 1},
        good.replace("holding", "record"), f"{good}/1/1", 7, None, True,
    )  # fmt: skip
    for value in others:
        assert copies_named(value) == set(), value


def test_other_records_in_the_same_copy_need_not_be_shown(rogue: Rogue) -> None:
    other = said(rogue, "record", holding=copy_of(rogue))
    rogue.publish_index()
    report = without(rogue, other)
    assert (report.verdict, answers(report)["complete"]) == ("valid", "holds")


def test_a_record_that_names_the_record_itself_is_shown(rogue: Rogue) -> None:
    other = said(rogue, "record", made_of=rogue.case.record)
    rogue.publish_index()
    assert codes(without(rogue, other)) == {"index_differs"}


def test_while_an_event_of_the_record_is_withheld_it_may_name_another_copy(rogue: Rogue) -> None:
    rogue.publish_index()
    review = rogue.last("record.verified")
    withheld = {f"{review['stream']}/{review['version']}": "trade_secret"}
    report = read(rogue, rogue.bundle(shown(rogue)._replace(withheld=withheld)))
    assert report.verdict == "valid", report.findings
    assert reasons(report, "complete") == ["redacted"]


def test_nothing_is_complete_by_an_event_that_nothing_proves(rogue: Rogue) -> None:
    """A withheld one, of which its place alone speaks: it may be anything."""
    hold = said(rogue, "hold", objects=[copy_of(rogue)])
    rogue.publish_index()
    kept = shown(rogue)._replace(withheld={hold: "trade_secret"})
    proof = f"{BOOK}/proofs/{len(rogue.entries) - 2}-0.tlog-proof"
    report = read(rogue, rogue.bundle(kept, {proof: None}))
    assert (report.verdict, codes(report)) == ("unverifiable", {"event_proof_missing"})
    assert reasons(report, "complete") == ["not_reached"]


def test_an_event_withheld_beside_the_record_is_still_the_one_that_the_index_means(
    rogue: Rogue,
) -> None:
    """The exporter calls another event of the ledger the last one of the hold."""
    hold = said(rogue, "hold", objects=[copy_of(rogue)])
    decoy = said(rogue, "hold", objects=["nothing of this"])
    rogue.publish_index()
    honest = Shown(withheld={hold: "trade_secret"})
    report = read(rogue, rogue.bundle(shown(rogue)._replace(withheld=honest.withheld)))
    assert (report.verdict, answers(report)["complete"]) == ("valid", "holds")
    rogue.take_back()
    rogue.record_export(honest)
    files = rogue.bundle(shown(rogue))
    changes = left_out(files, hold)
    changes |= renamed(changed(files, changes), decoy, hold)
    changes[SCOPE] = unnamed(changed(files, changes))
    report = read(rogue, rogue.bundle(shown(rogue), changes))
    assert codes(report) == {"index_differs"}
    assert [found.event for found in report.findings] == [hold]


def test_what_is_withheld_within_a_copys_history_may_be_another_event(rogue: Rogue) -> None:
    """Its leaf is in no row: somebody else's event may have been put in the place of a bad one."""
    stream = copy_of(rogue)
    last = max(e["version"] for e in rogue.all_events() if e["stream"] == stream)
    rogue.administered(next_of(rogue, stream, type="holding.said"))
    rogue.administered(next_of(rogue, stream, type="holding.said"))
    rogue.publish_index()
    for version, why in ((last + 2, []), (last + 1, ["redacted"])):
        kept = shown(rogue)._replace(withheld={f"{stream}/{version}": "trade_secret"})
        report = read(rogue, rogue.bundle(kept))
        assert (report.verdict, reasons(report, "complete")) == ("valid", why)
        rogue.take_back()


def renamed(files: Files, event: str, name: str) -> Files:
    """A change: an event withheld, and called another one."""
    places, lines = json.loads(files[PLACES]), files[EVENTS].splitlines(keepends=True)
    at = next(n for n, place in enumerate(places) if place["event"] == event)
    leaf = leaf_hash(lines[at][:-1]).hex()
    places[at] |= {"event": name, "leaf": leaf, "reason": "trade_secret"}
    order = [place["event"] for place in places]
    marked = [*json.loads(files[REDACTIONS]),
              {"event": name, "reason": "trade_secret", "what": "event"}]  # fmt: skip
    return {
        EVENTS: b"".join(lines[:at] + lines[at + 1 :]), PLACES: format_file(places),
        REDACTIONS: format_file(sorted(marked, key=lambda row: order.index(row["event"]))),
    }  # fmt: skip


# -- keys -----------------------------------------------------------------------------------------


def test_the_revocation_of_a_signers_key_cannot_be_left_out(estate: Estate) -> None:
    """Without it, and with the keys told as they were, the signer is in good standing."""
    rogue = estate.rogue
    before = rogue.bundle()
    told = {name: before[name] for name in (KEYS, ROLES)}
    actor = estate.reviewer.name.rpartition("/")[2]
    for number, kind in enumerate(("key_revoked", "key_compromised", "role_revoked")):
        event = next_of(
            rogue, actor, type=f"actor.{kind}", key=estate.reviewer.verifier.key_id.hex(),
            reason="left", suspected_since=NEVER, revoked="reviewer",
        )  # fmt: skip
        rogue.administered(event)
        rogue.publish_index()
        whole = answers(read(rogue, rogue.bundle(shown(rogue))))
        assert (whole["complete"], whole["keys_current"]) == ("holds", "holds"), kind
        report = without(rogue, f"{actor}/{event['version']}", also=told)
        assert (codes(report), answers(report)["complete"]) == ({"index_differs"}, "fails"), kind
        assert answers(report)["keys_current"] == "fails", kind
        assert reasons(report, "keys_current") == ["index_differs"], kind
        report = without(rogue, f"{actor}/{event['version']}", also=told, hidden=actor)
        assert report.verdict == "valid", kind
        for claim in ("complete", "keys_current"):
            assert reasons(report, claim) == ["index_partial"], kind
        assert number < 3
        del rogue.entries[-2:], rogue.events[-2:]


@pytest.mark.parametrize("kind", ["actor", "party", "policy", "ledger"])
def test_every_stream_from_which_keys_follow_has_its_head(rogue: Rogue, kind: str) -> None:
    rogue.publish_index()
    streams = {one["stream"] for one in rogue.all_events() if one["stream"].startswith(kind + "-")}
    assert streams
    for stream in streams:
        report = read(rogue, rogue.bundle(shown(rogue, stream)))
        assert (report.verdict, reasons(report, "complete")) == ("valid", ["index_partial"])


def test_that_no_end_of_a_key_is_left_out_is_said_up_to_a_size_by_whoever_recomputed(
    rogue: Rogue,
) -> None:
    bare = read(rogue, rogue.bundle(shown(rogue)._replace(indexed=False)))
    assert (reasons(bare, "keys_current"), bare.keys_current_to) == (["no_index"], -1)
    size = len(rogue.entries)
    rogue.publish_index()
    report = read(rogue, rogue.bundle(shown(rogue)))
    assert answers(report)["keys_current"] == "holds"
    assert json.loads(report.as_json())["keys_current_to"] == report.keys_current_to == size
    assert f"up to {size} entries" in report.as_text()
    nobody = check(rogue.bundle(shown(rogue)), rogue.case.vkey)
    assert reasons(nobody, "keys_current") == ["not_certified"]
    assert "keys_current_to" not in json.loads(nobody.as_json())


def test_events_of_the_record_that_are_missed_say_nothing_of_keys(rogue: Rogue) -> None:
    rogue.publish_index()
    review = rogue.last("record.verified")
    report = without(rogue, f"{review['stream']}/{review['version']}")
    assert (answers(report)["complete"], answers(report)["keys_current"]) == ("fails", "holds")


def test_who_came_after_the_index_needs_no_head(rogue: Rogue) -> None:
    rogue.publish_index()
    (actor,) = new_ids("actor")
    party = rogue.last("actor.registered")["party"]
    rogue.administered(next_of(rogue, actor, type="actor.registered", party=party))
    assert answers(read(rogue, rogue.bundle(shown(rogue))))["complete"] == "holds"


# -- the form -------------------------------------------------------------------------------------


def edited(rogue: Rogue, edit: Callable[[dict[str, Any]], object]) -> Report:
    index = json.loads(rogue.index_file())
    edit(index)
    return read(rogue, rogue.bundle(shown(rogue), {INDEX: format_file(index)}))


@pytest.mark.parametrize(
    "edit",
    [
        lambda index: index.pop("heads"),
        lambda index: index.pop("objects"),
        lambda index: index.update(more=1),
        lambda index: index.update(rows=[]),
        lambda index: index.update(heads={}),
        lambda index: index.update(objects={}),
        lambda index: index["heads"].reverse(),
        lambda index: index["objects"].reverse(),
        lambda index: index["heads"].append(index["heads"][-1]),
        lambda index: index["objects"].append(index["objects"][-1]),
        lambda index: index["heads"].append(1),
        lambda index: index["objects"].append(1),
        lambda index: index["heads"].append(index["objects"][-1]["rows"][0]),
        lambda index: index["objects"][0].update(rows=[]),
        lambda index: index["objects"][0].update(rows=None),
        lambda index: index["objects"][0].update(more=1),
        lambda index: index["objects"][0].update(object=1),
        lambda index: index["objects"][0].update(object="holding-1"),
        lambda index: index["heads"][0].update(more=1),
    ],
)
def test_rows_are_shown_in_one_form(rogue: Rogue, edit: Callable[[dict[str, Any]], object]) -> None:
    rogue.publish_index()
    report = edited(rogue, edit)
    assert codes(report) == {"index_malformed"}
    assert answers(report)["complete"] == "fails"


def test_nothing_is_shown_of_what_the_bundle_is_not_about(rogue: Rogue) -> None:
    """Not even rightly: an object more tells of others, and a row is not a head because it is
    there."""
    (stranger,) = new_ids("holding")
    rogue.administered(next_of(rogue, stranger, type="holding.said"))
    rogue.publish_index()
    scope = dict(rogue.scope)
    rogue.scope["id"] = stranger
    (other,) = (one for one in json.loads(rogue.index_file())["objects"]
                if one["object"] == stranger)  # fmt: skip
    rogue.scope = scope

    def added(index: dict[str, Any]) -> None:
        index["objects"] = sorted([*index["objects"], other], key=lambda one: str(one["object"]))

    assert codes(edited(rogue, added)) == {"index_malformed"}


def test_a_head_is_proved_like_every_row(rogue: Rogue) -> None:
    rogue.publish_index()

    def older(index: dict[str, Any]) -> None:
        head = next(row for row in index["heads"] if " 1 " not in row["text"])
        parts = head["text"].split(" ")
        head["text"] = " ".join([*parts[:2], "1", parts[3]])

    assert codes(edited(rogue, older)) == {"index_differs"}
    assert codes(edited(rogue, lambda i: i["heads"][0].update(row=9**9))) == {"index_differs"}
