"""What a bundle is about: a record, a handover, a person, a destruction, an actor, a period."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.values import Event
from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.bundle import Bundle
from ledger.bundle.gathering import span
from ledger.errors import UsageError, VerificationError
from ledger.evidence import decode_event
from ledger.index.publishing import publish
from ledger.signing import new_ids
from ledger.tlog.commit import Entry
from tests.ledger.bundles import IDENTITY, LEDGER, evidence, loaded, ordered, so_far, written
from tests.ledger.crews import Site, gather
from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm, collect_files, small_act
from tests.ledger.papers import certified
from tests.ledger.tampering import hand_in

FOREVER = ("2000-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z")


def streams(bundle: Bundle) -> list[str]:
    return list(loaded(bundle.files, f"{LEDGER}/scope.json")["streams"])


def places(bundle: Bundle) -> list[tuple[int, int, str]]:
    rows = loaded(bundle.files, f"{LEDGER}/places.json")
    return [(row["entry"], row["index"], row["event"]) for row in rows]


def versions_are_whole(bundle: Bundle) -> bool:
    """Whether every stream that is touched begins at 1 and has no gap."""
    found: dict[str, list[int]] = {}
    for _, _, event in places(bundle):
        stream, _, version = event.partition("/")
        found.setdefault(stream, []).append(int(version))
    return all(numbers == [*range(1, len(numbers) + 1)] for numbers in found.values())


def naming(ledger: Ledger, object_id: str, besides: str) -> set[str]:
    """Every stream in which some event names an object, found by reading the whole ledger."""
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT stream, state FROM events").all()
    found = set()
    for _, state in rows:
        stream = bytes(state).decode().partition('"stream":"')[2].partition('"')[0]
        named = f'"{object_id}"'.encode() in state or f'"{object_id}/'.encode() in state
        if named and stream != besides:
            found.add(stream)
    return found


# -- one object ---------------------------------------------------------------------------------


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


@pytest.fixture
def site(firm: Firm) -> Iterator[Site]:
    with gather(firm).open() as site:
        yield site


def test_a_handover_comes_with_the_deal_and_with_everything_that_names_it(
    deal: Deal, firm: Firm
) -> None:
    handover = deal.frozen(deal.ready("甲.txt"))
    with firm.open() as ledger:
        bundle = evidence(ledger, ledger.acting(firm.founded.actor), "handover", handover)
        found = streams(bundle)
        assert found[0] == handover
        assert deal.deal in found
        assert naming(ledger, handover, bundle.id) <= set(found)
        assert versions_are_whole(bundle)
        order = ordered(ledger, ledger.acting(firm.founded.actor), "handover", handover)
        assert written(ledger, ledger.acting(firm.founded.actor), order).own == bundle.own + 2


def test_the_agreement_on_the_handlers_keys_comes_with_a_handover(deal: Deal, firm: Firm) -> None:
    handover = deal.frozen(deal.ready("甲.txt"))
    with firm.open() as ledger:
        bundle = evidence(ledger, ledger.acting(firm.founded.actor), "handover", handover)
    people = loaded(bundle.files, f"{IDENTITY}/roles_and_training.json")
    agreed = {row["actor"]: row["agreements"] for row in people}
    (agreement,) = agreed[deal.qian]
    assert agreement.startswith(deal.deal)
    assert agreed[firm.founded.actor] == []
    assert agreement in {event for _, _, event in places(bundle)}


def test_the_agreement_under_which_a_record_was_handled_comes_with_the_record(
    deal: Deal, firm: Firm
) -> None:
    record = deal.ready("甲.txt")
    deal.frozen(record)
    with firm.open() as ledger:
        acting = ledger.acting(firm.founded.actor)
        bundle = evidence(ledger, acting, "record", record)
        other = evidence(ledger, acting, "record", collect_files(
            ledger, acting, deal.home / "别的")[0].record)  # fmt: skip
    shipped = {event.partition("/")[0] for _, _, event in places(bundle)}
    assert deal.deal in shipped
    assert deal.deal not in streams(bundle)
    elsewhere = {event.partition("/")[0] for _, _, event in places(other)}
    assert [stream for stream in elsewhere if stream.startswith("engagement-")] == []


def test_a_person_is_what_a_search_by_the_controller_finds(deal: Deal, firm: Firm) -> None:
    record = deal.ready("甲.txt")
    with firm.open() as ledger:
        bundle = evidence(ledger, ledger.acting(firm.founded.actor), "subject", deal.customer)
        found = streams(bundle)
        assert found[0] == deal.customer
        assert deal.notice in found
        assert naming(ledger, deal.customer, bundle.id) <= set(found)
        assert record not in found
    assert loaded(bundle.files, f"{LEDGER}/scope.json")["kind"] == "subject"


def test_a_destruction_comes_with_its_whole_case(site: Site, tmp_path: Path) -> None:
    case = certified(site, tmp_path / "过期")
    bundle = evidence(site.ledger, site.wang, "destruction_case", case)
    assert streams(bundle)[0] == case
    assert naming(site.ledger, case, bundle.id) <= set(streams(bundle))
    events = [event for _, _, event in places(bundle) if event.startswith(case)]
    state = site.ledger.state(case)
    assert state is not None
    assert len(events) == state.version
    signers = {row["actor"] for row in loaded(bundle.files, f"{IDENTITY}/roles_and_training.json")}
    assert {site.crew.people[name] for name in ("li", "zhao", "chen", "luo")} <= signers


def test_an_actor_comes_with_every_stream_in_which_they_said_anything(
    ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path
) -> None:
    records = [one.record for one in collect_files(ledger, admin, tmp_path / "丁家巷", 3)]
    ledger.act(second_person, [acts.review(records[1], ["accuracy"], "pass")])
    ledger.act(second_person, [small_act()])
    bundle = evidence(ledger, admin, "actor", second_person.actor)
    found = streams(bundle)
    assert found[0] == second_person.actor
    assert naming(ledger, second_person.actor, bundle.id) <= set(found)
    assert records[1] in found
    assert not {records[0], records[2]} & set(found)
    assert versions_are_whole(bundle)


def test_an_actor_whom_others_only_name_is_found_there_too(site: Site, tmp_path: Path) -> None:
    case = certified(site, tmp_path / "过期")
    sun = site.crew.people["sun"]
    bundle = evidence(site.ledger, site.wang, "actor", sun)
    found = set(streams(bundle))
    assert naming(site.ledger, sun, bundle.id) <= found
    assert case in found  # Sun is named in it as the witness


# -- a period -----------------------------------------------------------------------------------


def accepted(ledger: Ledger) -> list[str]:
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT data FROM commits ORDER BY entry").all()
    return [Entry.parse(bytes(row[0])).accepted for row in rows]


def test_a_period_has_every_event_of_its_entries_and_its_neighbours(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    collect_files(ledger, admin, tmp_path / "丁家巷", 3)
    ledger.act(admin, [small_act(1)])
    ledger.act(admin, [small_act(2)])
    times = accepted(ledger)
    bundle = evidence(ledger, admin, "period", span=(times[2], times[4]))
    scope = loaded(bundle.files, f"{LEDGER}/scope.json")
    first, end = scope["first"], scope["end"]
    assert times[first] >= times[2] > times[first - 1]
    assert times[end] >= times[4] > times[end - 1]
    own = [place for place in places(bundle) if first <= place[0] < end]
    with ledger.engine.connect() as connection:
        sql = "SELECT count(*) FROM events WHERE entry >= ? AND entry < ?"
        assert connection.exec_driver_sql(sql, (first, end)).scalar_one() == len(own) == bundle.own
    for boundary in (first - 1, end):
        assert f"{LEDGER}/entries/{boundary}.entry" in bundle.files
        assert f"{LEDGER}/proofs/{boundary}.tlog-proof" in bundle.files
    assert scope["streams"] == []
    assert "id" not in scope


def test_a_period_from_the_beginning_until_now_is_all_that_was_there(
    ledger: Ledger, admin: Acting
) -> None:
    entries = ledger.seen()[0]
    with ledger.engine.connect() as connection:
        total = connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one()
    bundle = evidence(ledger, admin, "period", span=so_far())
    scope = loaded(bundle.files, f"{LEDGER}/scope.json")
    assert (scope["first"], scope["end"]) == (0, entries)
    assert (bundle.own, bundle.identity) == (total, 2), "asked for and exported"


def test_in_a_period_without_any_entry_its_neighbours_show_that_there_was_none(
    ledger: Ledger, admin: Acting
) -> None:
    bundle = evidence(
        ledger, admin, "period", span=("2000-01-01T00:00:00.000Z", "2001-01-01T00:00:00.000Z")
    )
    scope = loaded(bundle.files, f"{LEDGER}/scope.json")
    assert (scope["first"], scope["end"], bundle.own) == (0, 0, 0)
    assert f"{LEDGER}/entries/0.entry" in bundle.files


def test_who_loses_a_key_in_a_period_has_their_whole_history_in_it(
    ledger: Ledger, admin: Acting, second_person: Acting
) -> None:
    before = accepted(ledger)[-1]
    revoked = acts.revoke_key(second_person.actor, second_person.key_id.hex(), "left")
    ledger.act(admin, [revoked])
    bundle = evidence(ledger, admin, "period", span=(before, so_far()[1]))
    mine = [event for _, _, event in places(bundle) if event.startswith(second_person.actor)]
    assert mine[0] == f"{second_person.actor}/1"
    keys = loaded(bundle.files, f"{IDENTITY}/keys.json")
    assert "revoked" in {key["condition"] for key in keys if key["holder"] == second_person.actor}


@pytest.mark.parametrize("moment", range(6))
def test_a_period_begins_and_ends_with_the_accepted_time_itself(
    ledger: Ledger, admin: Acting, moment: int
) -> None:
    for number in range(3):
        ledger.act(admin, [small_act(number)])
    times = accepted(ledger)
    time = times[min(moment, len(times) - 1)]
    with ledger.engine.connect() as connection:
        first, end = span(connection, time, FOREVER[1], len(times))
        assert first == min(at for at, one in enumerate(times) if one >= time)
        assert end == len(times)
        assert span(connection, FOREVER[0], time, len(times)) == (0, first)


# -- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "made"),
    [("record", "record"), ("handover", "handover"), ("subject", "subject"), ("actor", "actor"),
     ("destruction_case", "destruction_case"), ("record", "holding"), ("actor", "record"),
     ("period", "record"), ("policy", "policy")],
)  # fmt: skip
def test_what_the_ledger_does_not_know_has_no_evidence(
    ledger: Ledger, admin: Acting, kind: str, made: str
) -> None:
    order = ordered(ledger, admin, "actor", admin.actor)
    unknown = order._replace(kind=kind, object=new_ids(made)[0])
    if kind == "period":
        unknown = unknown._replace(kind="engagement")
    with pytest.raises(UsageError, match="nothing was exported"):
        written(ledger, admin, unknown)


@pytest.mark.parametrize("name", ["", "record", "record-1", "record-" + "0" * 36, "record-×"])
def test_what_is_no_id_has_no_evidence(ledger: Ledger, admin: Acting, name: str) -> None:
    order = ordered(ledger, admin, "actor", admin.actor)
    with pytest.raises(UsageError, match="there is no record"):
        written(ledger, admin, order._replace(kind="record", object=name))


def test_an_actor_is_no_record(ledger: Ledger, admin: Acting) -> None:
    order = ordered(ledger, admin, "actor", admin.actor)
    with pytest.raises(UsageError, match="there is no record"):
        written(ledger, admin, order._replace(kind="record"))


@pytest.mark.parametrize("indexed", [False, True])
def test_evidence_of_more_than_a_bundle_holds_is_refused_before_it_is_read(
    ledger: Ledger, admin: Acting, monkeypatch: pytest.MonkeyPatch, *, indexed: bool
) -> None:
    if indexed:
        publish(ledger, admin)
    read: list[bytes] = []

    def reading(raw: bytes) -> Event:
        read.append(raw)
        return decode_event(raw)

    for kind, object_id, times in (("actor", admin.actor, ("", "")), ("period", "", so_far())):
        order = ordered(ledger, admin, kind, object_id, times)
        with monkeypatch.context() as patch:
            patch.setattr("ledger.bundle.gathering.MAX_FILES", 500 + 3 * 5)
            patch.setattr("ledger.bundle.gathering.decode_event", reading)
            with pytest.raises(UsageError, match="more than one bundle holds"):
                written(ledger, admin, order)
    told = (b'"type":"ledger.', b'"type":"actor.')  # whose keys, and of whom the evidence is
    assert all(any(kind in raw for kind in told) for raw in read)


def test_a_copy_whose_events_are_gone_is_no_evidence_of_a_whole_chain(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    record = collect_files(ledger, admin, tmp_path / "丁家巷")[0].record
    order = ordered(ledger, admin, "record", record)
    with hand_in(ledger.folder.database) as connection:
        connection.execute("DELETE FROM events WHERE topic = 'holding.created'")
    with pytest.raises(VerificationError, match="nothing was exported"):
        written(ledger, admin, order)
