"""What an exporter does who leaves out, turns round or makes up, and signs for it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ledger.bundle.order import canonical_json
from ledger.privatekey import generate
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.merkle import leaf_hash
from ledger.tlog.note import Note, SignatureLine
from tests.corpus.attacks import (
    ATTACHED,
    INVALID,
    KEYS,
    OPENINGS,
    ROLES,
    SOFTWARE,
    UNVERIFIABLE,
    VALID,
    Attack,
    Bench,
    Shop,
)
from tests.corpus.omissions import beside, indexed, period
from tests.corpus.sealing import (
    BOOK,
    CONSISTENT,
    EVENTS,
    PLACES,
    REDACTED,
    SCOPE,
    changed,
    sealed,
)


def _id(prefix: str, number: int = 1) -> str:
    return f"{prefix}-019390a1-7e30-7c3a-8d5e-{number:012x}"


def lies(bench: Bench) -> Iterator[Attack]:
    """Whatever an exporter may leave out, turn round or make up, and sign for."""
    for part in (_events, _proofs, _states, _said, _withheld, _opened, _attached, indexed, beside,
                 _stamped, _scoped, period, _strangers):  # fmt: skip
        yield from part(bench)


def _events(bench: Bench) -> Iterator[Attack]:
    shop = Shop(bench, "record")
    lines, shown = shop.lines, shop.shown()
    own = shop.json(SCOPE)["streams"][0]
    mine = [place["event"] for place in shown if place["event"].startswith(own)]
    yield shop.lie(
        "event_removed", "An event in the middle of a stream is left out without a word.",
        shop.without(next(e for e in mine if e.endswith("/3"))), "version_gap",
    )  # fmt: skip
    yield shop.lie(
        "last_event_left_out", "The last event of the record is left out.",
        shop.without(mine[-1]), "index_differs",
    )  # fmt: skip
    yield shop.lie(
        "first_event_left_out", "The first event of the record is left out.",
        shop.without(mine[0]), "version_gap",
    )  # fmt: skip
    yield shop.lie(
        "events_reordered", "Two events stand in each other's place.",
        {EVENTS: b"".join([*lines[:-2], lines[-1], lines[-2]])}, "event_not_in_commit",
    )  # fmt: skip
    places = shop.json(PLACES)
    yield shop.lie(
        "events_and_places_reordered", "Two events and their places are exchanged.",
        {EVENTS: b"".join([*lines[:-2], lines[-1], lines[-2]]),
         PLACES: canonical_json([*places[:-2], places[-1], places[-2]])},
        "file_malformed",
    )  # fmt: skip
    yield shop.lie(
        "events_truncated", "The last event is cut out of the file.",
        {EVENTS: b"".join(lines[:-1])}, "events_cut",
    )  # fmt: skip
    yield shop.lie(
        "event_truncated", "The file of events ends in the middle of one.",
        {EVENTS: b"".join(lines)[:-30]}, "events_cut",
    )  # fmt: skip
    yield shop.lie(
        "event_twice", "An event stands there twice.",
        {EVENTS: b"".join([*lines, lines[-1]]), PLACES: canonical_json([*places, places[-1]])},
        "file_malformed",
    )  # fmt: skip
    yield shop.lie(
        "event_of_another_ledger", "The first event is that of another ledger.",
        {EVENTS: b"".join([bench.other[EVENTS].splitlines(keepends=True)[0], *lines[1:]])},
        "event_not_in_commit",
    )  # fmt: skip
    yield from _bytes_of_events(shop)


def _bytes_of_events(shop: Shop) -> Iterator[Attack]:
    lines = shop.lines
    role = lines[-1].replace(b'"role":"', b'"role":"x', 1)
    spaced = (json.dumps(json.loads(lines[-1]), sort_keys=True) + "\n").encode()
    large = lines[-1][:-2] + b',"z":"' + b"z" * 20_000 + b'"}\n'
    deep = lines[-1][:-2] + b',"z":' + b"[" * 3000 + b"]" * 3000 + b"}\n"
    for name, says, line, code in (
        ("event_with_another_role", "An event says another role.", role, "event_not_in_commit"),
        ("event_not_canonical", "An event is written with spaces.", spaced, "event_not_canonical"),
        ("event_oversized", "An event is larger than an event can be.", large,
         "event_not_canonical"),
        ("event_nested_deeply", "An event has three thousand lists in each other.", deep,
         "event_not_canonical"),
        ("event_not_text", "An event is bytes that are no text.", b"\xff\xfe\n",
         "event_not_canonical"),
        ("event_without_an_author", "An event says nothing of who says it.",
         lines[-1].replace(b'"by":', b'"bz":', 1), "event_malformed"),
        ("event_with_a_float", "A version is written 1.0.",
         lines[-1].replace(b'"v":1', b'"v":1.0', 1), "event_not_canonical"),
    ):  # fmt: skip
        yield shop.lie(name, says, {EVENTS: b"".join([*lines[:-1], line])}, code)


def _proofs(bench: Bench) -> Iterator[Attack]:
    shop = Shop(bench, "record")
    files = shop.files
    first, last = f"{BOOK}/proofs/0.tlog-proof", shop.shown()[-1]
    entry, index = last["entry"], last["index"]
    mine = f"{BOOK}/proofs/{entry}.tlog-proof"
    event = f"{BOOK}/proofs/{entry}-{index}.tlog-proof"
    relabelled = files[first].replace(b"index 0\n", f"index {entry}\n".encode())
    yield shop.lie("proof_of_another_entry", "An entry comes with another's proof.",
                   {mine: files[first]}, "entry_proof_differs")  # fmt: skip
    yield shop.lie("proof_relabelled", "An entry comes with another's proof, with its own number.",
                   {mine: relabelled}, "entry_not_in_ledger")  # fmt: skip
    yield shop.lie("proof_of_an_entry_malformed", "An entry's proof has a line that is no hash.",
                   {mine: files[mine].replace(b"\n", b"\nAAAA\n", 2)},
                   "entry_proof_malformed")  # fmt: skip
    yield shop.lie("proof_of_an_event_missing", "An event comes without its proof.",
                   {event: None}, "event_proof_missing", verdict=UNVERIFIABLE)  # fmt: skip
    yield shop.lie("proof_of_another_event", "An event comes with another's proof.",
                   {event: files[f"{BOOK}/proofs/0-0.tlog-proof"]},
                   "event_not_in_commit")  # fmt: skip
    yield shop.lie("proof_with_extra_data", "A proof has a line that nothing authenticates.",
                   {event: files[event].replace(b"index", b"extra QQ==\nindex", 1)},
                   "event_proof_malformed")  # fmt: skip
    yield shop.lie("entry_left_out", "An entry is missing, its events are there.",
                   {f"{BOOK}/entries/{entry}.entry": None}, "entry_missing",
                   verdict=UNVERIFIABLE)  # fmt: skip
    data = files[f"{BOOK}/entries/{entry}.entry"]
    yield shop.lie("accepted_time_changed", "An entry was accepted a year earlier.",
                   {f"{BOOK}/entries/{entry}.entry": data.replace(b"accepted 2026",
                                                                  b"accepted 2025")},
                   "entry_not_in_ledger")  # fmt: skip
    yield shop.lie("entry_oversized", "An entry is larger than an entry can be.",
                   {f"{BOOK}/entries/{entry}.entry": data + b"x" * 20_000},
                   "entry_malformed")  # fmt: skip
    yield shop.lie("entry_nobody_asked_for", "An entry lies there of which no place speaks.",
                   {f"{BOOK}/entries/9999.entry": data}, "file_unlisted")  # fmt: skip


def _states(bench: Bench) -> Iterator[Attack]:
    shop = Shop(bench, "record")
    files, size = shop.files, shop.json(SCOPE)["checkpoint"]
    name = f"{BOOK}/checkpoints/{size}.txt"
    note = Note.parse(files[name])
    lines = files[name].splitlines(keepends=True)
    head = Checkpoint.parse(note.text)
    theirs = Checkpoint(head.origin, head.size, bytes(32)).format()
    root = lines[2]
    yield shop.lie("checkpoint_of_another_ledger", "The checkpoint is that of another ledger.",
                   {name: files[name].replace(b"jiejing.example", b"another.example")},
                   "checkpoint_foreign")  # fmt: skip
    bogus = SignatureLine(head.origin, note.signatures[0].key_id, bytes(64))
    yield shop.lie("checkpoint_crowded_in_the_ledgers_name",
                   "A hundred lines bear the name and key id of the trusted key.",
                   {name: Note(note.text, (bogus,) * 100).format()},
                   "checkpoint_signature")  # fmt: skip
    yield shop.lie("checkpoint_forked", "The checkpoint names another root, under old signatures.",
                   {name: Note(theirs, note.signatures).format()},
                   "checkpoint_signature")  # fmt: skip
    yield shop.lie("checkpoint_unsigned_by_the_ledger", "The ledger's own line is missing.",
                   {name: Note(note.text, note.signatures[1:]).format()},
                   "checkpoint_key_unknown", verdict=UNVERIFIABLE)  # fmt: skip
    broken = note.signatures[1]
    blob = broken.signature[:-1] + bytes([broken.signature[-1] ^ 1])
    again = SignatureLine(broken.name, broken.key_id, blob)
    rest = (note.signatures[0], again, *note.signatures[2:])
    yield shop.lie("cosignature_broken", "A trusted cosigner's signature has one bit changed.",
                   {name: Note(note.text, rest).format()}, "cosignature_fails")  # fmt: skip
    yield shop.lie("checkpoint_oversized", "The checkpoint is longer than a note can be.",
                   {name: b"".join([lines[0], lines[1], root, b"x" * (1 << 20), *lines[3:]])},
                   "checkpoint_malformed")  # fmt: skip

    def dropped(rows: list[Any]) -> None:
        del rows[0]

    def bent(rows: list[Any]) -> None:
        rows[0]["hashes"][0] = root.decode().strip()

    def doubled(rows: list[Any]) -> None:
        rows.insert(0, rows[0])

    yield shop.lie("consistency_missing", "One seen state is not proved to be a prefix.",
                   shop.edited(CONSISTENT, dropped), "consistency_missing",
                   verdict=UNVERIFIABLE)  # fmt: skip
    yield shop.lie("consistency_wrong", "The proof for a seen state leads elsewhere.",
                   shop.edited(CONSISTENT, bent), "state_not_prefix")  # fmt: skip
    yield shop.lie("consistency_twice", "A consistency proof stands there twice.",
                   shop.edited(CONSISTENT, doubled), "consistency_malformed")  # fmt: skip


def _said(bench: Bench) -> Iterator[Attack]:
    """Files that say what follows from events."""
    shop = Shop(bench, "record")
    files = shop.files
    (pack,) = (name for name in files if name.startswith(f"{BOOK}/policy/"))
    yield shop.lie("keys_told_wrongly", "A key is said to have begun later.",
                   {KEYS: files[KEYS].replace(b'"since":0', b'"since":1', 1)},
                   "derived_differs")  # fmt: skip
    yield shop.lie("roles_told_wrongly", "Somebody is said to have another role.",
                   {ROLES: files[ROLES].replace(b'"collector"', b'"auditor"', 1)},
                   "derived_differs")  # fmt: skip
    yield shop.lie("policy_swapped", "The policy pack is another than was adopted.",
                   {pack: files[pack] + b"\n"}, "policy_differs")  # fmt: skip
    yield shop.lie("policy_left_out", "The policy pack is missing.", {pack: None},
                   "policy_missing", verdict=UNVERIFIABLE)  # fmt: skip
    yield shop.lie("keys_left_out", "The key history is missing.", {KEYS: None},
                   "part_missing", verdict=UNVERIFIABLE)  # fmt: skip
    yield shop.lie("environment_malformed", "software.json is no object.", {SOFTWARE: b"[]\n"},
                   "file_malformed")  # fmt: skip
    for name, data in (
        ("not_json", b"{"),
        ("nested_deeply", b"[" * 100_000),
        ("number_too_long", b"9" * 5000 + b"\n"),
        ("with_a_bom", b"\xef\xbb\xbf[]\n"),
        ("with_carriage_returns", files[PLACES].replace(b"\n", b"\r\n")),
    ):
        yield shop.lie(f"places_{name}", "places.json is not the canonical file it must be.",
                       {PLACES: data}, "file_malformed")  # fmt: skip

    def renamed(rows: list[Any]) -> None:
        rows[-1]["event"] = rows[-1]["event"].rpartition("/")[0] + "/99"

    yield shop.lie("place_under_another_id", "A place calls an event by another id.",
                   shop.edited(PLACES, renamed), "derived_differs")  # fmt: skip


def _withheld(bench: Bench) -> Iterator[Attack]:
    shop = Shop(bench, "record")
    places = shop.json(PLACES)
    hidden = next(n for n, place in enumerate(places) if "leaf" in place)

    def leafed(rows: list[Any]) -> None:
        rows[hidden]["leaf"] = "00" * 32

    def reasoned(rows: list[Any]) -> None:
        rows[hidden]["reason"] = "whim"

    def reasoned_again(rows: list[Any]) -> None:
        next(row for row in rows if row["what"] == "event")["reason"] = "personal_data"

    def dropped(rows: list[Any]) -> None:
        del rows[0]

    yield shop.lie("withheld_event_with_another_leaf", "A withheld event has another leaf hash.",
                   shop.edited(PLACES, leafed), "event_not_in_commit")  # fmt: skip
    yield shop.lie("withheld_for_a_whim", "An event is withheld for a reason that is none.",
                   shop.edited(PLACES, reasoned), "file_malformed")  # fmt: skip
    yield shop.lie("redactions_give_another_reason", "The list gives another reason.",
                   shop.edited(REDACTED, reasoned_again), "redactions_differ")  # fmt: skip
    yield shop.lie("redactions_incomplete", "The list of what is withheld leaves something out.",
                   shop.edited(REDACTED, dropped), "redactions_differ")  # fmt: skip
    yield shop.lie("redactions_left_out", "The list of what is withheld is missing.",
                   {REDACTED: None}, "part_missing", verdict=UNVERIFIABLE)  # fmt: skip
    yield shop.lie("more_withheld_than_was_recorded", "One more event is withheld.",
                   _hide(shop, shop.shown()[-4]["event"]), "selection_differs")  # fmt: skip
    yield shop.lie("key_event_withheld", "The event that enrolled a key is withheld.",
                   _hide(shop, shop.shown()[3]["event"]))  # fmt: skip


def _hide(shop: Shop, event: str) -> dict[str, bytes | None]:
    """A change: one more event withheld, in order, with its true leaf hash."""
    at = next(n for n, place in enumerate(shop.shown()) if place["event"] == event)
    lines, places = shop.lines, shop.json(PLACES)
    place = next(p for p in places if p["event"] == event)
    place["leaf"], place["reason"] = leaf_hash(lines[at][:-1]).hex(), "trade_secret"
    rows = [row for row in shop.json(REDACTED) if row["event"] != event]
    rows.append({"event": event, "reason": "trade_secret", "what": "event"})
    order = {p["event"]: n for n, p in enumerate(places)}
    rows.sort(key=lambda row: order[row["event"]])
    return {
        EVENTS: b"".join(lines[:at] + lines[at + 1 :]), PLACES: canonical_json(places),
        REDACTED: canonical_json(rows),
    }  # fmt: skip


def _opened(bench: Bench) -> Iterator[Attack]:
    shop = Shop(bench, "record")
    rows = shop.json(OPENINGS)
    at = next(n for n, row in enumerate(rows) if row["fields"][0]["path"] == "title")

    def field(**other: Any) -> dict[str, bytes | None]:
        def edit(value: list[Any]) -> None:
            value[at]["fields"][0].update(other)

        return shop.edited(OPENINGS, edit)

    def of_another(value: list[Any]) -> None:
        value[at]["event"] = shop.shown()[0]["event"]
        value.sort(key=lambda row: row["event"])

    def dropped(value: list[Any]) -> None:
        del value[at]

    seed = rows[at]["fields"][0]["r"]
    way = rows[at]["fields"][0]["way"]
    yield shop.lie("opened_field_with_a_wrong_seed", "A field is opened with another blinding.",
                   field(r=seed[:-1] + ("0" if seed[-1] != "0" else "1")),
                   "opening_differs")  # fmt: skip
    yield shop.lie("opened_field_with_another_value", "A field is opened to another text.",
                   field(value="另一份合同"), "opening_differs")  # fmt: skip
    yield shop.lie("opened_field_with_hostile_text", "A field is opened to markup and RTL marks.",
                   field(value="<script>alert(1)</script>\u202egpj.exe"),
                   "opening_differs")  # fmt: skip
    yield shop.lie("opened_field_under_another_path", "A field is opened under another path.",
                   field(path="name"), "opening_differs", "selection_differs")  # fmt: skip
    yield shop.lie("opened_field_with_another_way", "The way to the root is another.",
                   field(way=["left:" + "00" * 32, *way[1:]]), "opening_differs")  # fmt: skip
    yield shop.lie("opening_malformed", "The blinding is no hex.", field(r="zz" * 32),
                   "opening_malformed")  # fmt: skip
    yield shop.lie("opening_of_another_event", "A field is opened at an event that has none.",
                   shop.edited(OPENINGS, of_another))  # fmt: skip
    yield shop.lie("opening_left_out", "A field that was to be opened is not.",
                   shop.edited(OPENINGS, dropped), "selection_differs")  # fmt: skip
    yield shop.lie("openings_not_canonical", "The openings are written with letters, not escapes.",
                   {OPENINGS: json.dumps(rows, sort_keys=True, ensure_ascii=False,
                                         separators=(",", ":")).encode() + b"\n"})  # fmt: skip


def _attached(bench: Bench) -> Iterator[Attack]:
    shop = Shop(bench, "record")
    (name,) = (name for name in shop.files if "/files/" in name)

    def sealed_instead(rows: list[Any]) -> None:
        rows[0].update(kind="sealed", reason="personal_data")

    def of_a_text(rows: list[Any]) -> None:
        rows[0].update(path="title", kind="redacted", reason="personal_data")

    def elsewhere(rows: list[Any]) -> None:
        rows[0]["file"] = "files/../../exporter.note"

    yield shop.lie("attachment_changed", "An attached file is another one.",
                   {name: b"another contract"}, "attachment_differs")  # fmt: skip
    yield shop.lie("attachment_left_out", "An attached file is missing.", {name: None},
                   "attachment_missing")  # fmt: skip
    yield shop.lie("attachment_nobody_listed", "A file lies beside the attachments.",
                   {"data/30_附件/files/2.pdf": b"%PDF"}, "file_unlisted")  # fmt: skip
    yield shop.lie("attachment_of_another_kind", "A file in clear is said to be sealed.",
                   shop.edited(ATTACHED, sealed_instead), "selection_differs")  # fmt: skip
    yield shop.lie("attachment_of_a_free_text", "A file is attached to a field of free text.",
                   shop.edited(ATTACHED, of_a_text), "attachment_differs")  # fmt: skip
    yield shop.lie("attachment_outside", "An attachment's name leads out of the folder.",
                   shop.edited(ATTACHED, elsewhere), "file_malformed")  # fmt: skip


def _stamped(bench: Bench) -> Iterator[Attack]:
    shop = Shop(bench, "record")
    files = shop.files
    note, reply = f"{BOOK}/tokens/1.note", f"{BOOK}/tokens/1.tsr"
    first = f"{BOOK}/tokens/0.tsr"
    data = files[reply]
    bent = data[:-8] + bytes([data[-8] ^ 1]) + data[-7:]
    yield shop.lie("token_for_another_checkpoint", "A token is over the note of another state.",
                   {reply: files[first]}, "token_differs")  # fmt: skip
    yield shop.lie("token_broken", "A token's signature has one bit changed.", {reply: bent},
                   "token_signature")  # fmt: skip
    yield shop.lie("token_malformed", "A token is cut short.", {reply: data[:-1]},
                   "token_malformed")  # fmt: skip
    yield shop.lie("token_not_der", "A token has a length of indefinite form.",
                   {reply: b"\x30\x80" + data[4:] + b"\0\0"}, "token_malformed")  # fmt: skip
    yield shop.lie("token_without_its_note", "A token comes without what it is over.",
                   {note: None}, "part_missing", verdict=UNVERIFIABLE)  # fmt: skip
    lines = files[note].splitlines(keepends=True)
    yield shop.lie("stamped_note_changed", "A signature was taken off a note after it was stamped.",
                   {note: b"".join(lines[:-1])}, "token_differs")  # fmt: skip
    yield shop.lie("tokens_left_out", "The tokens that bear out the times are left out.",
                   dict.fromkeys([note, reply, first, f"{BOOK}/tokens/0.note"]),
                   verdict=VALID)  # fmt: skip


def _scoped(bench: Bench) -> Iterator[Attack]:
    shop = Shop(bench, "record")

    def edit(**other: Any) -> dict[str, bytes | None]:
        def edited(value: Any) -> None:
            value.update(other)

        return shop.edited(SCOPE, edited)

    scope = shop.json(SCOPE)
    elsewhere = _id("record", 7)
    yield shop.lie("scope_of_another_object", "The scope names another record.",
                   edit(id=elsewhere, streams=[elsewhere]), "selection_differs")  # fmt: skip
    yield shop.lie("scope_of_another_kind", "The scope says that it is about a person.",
                   edit(kind="actor"))  # fmt: skip
    yield shop.lie("scope_names_a_stream_that_is_not_there", "One more stream is said to be there.",
                   edit(streams=[*scope["streams"], elsewhere]), "version_gap")  # fmt: skip
    yield shop.lie("scope_hides_a_stream", "A stream is not named among those in scope.",
                   edit(streams=scope["streams"][:1]), "derived_differs")  # fmt: skip
    yield shop.lie("scope_of_another_format", "The scope is of format 1.",
                   edit(format="muniment-evidence/1"), "file_malformed")  # fmt: skip
    yield shop.lie("scope_of_another_export", "The scope names another event as the export.",
                   edit(export=scope["export"].replace("/", "/9")))  # fmt: skip
    own = next(p["event"] for p in shop.json(PLACES) if p["event"].startswith(scope["id"]))
    yield shop.lie("scope_with_the_export_on_its_own_stream",
                   "The export is said to be recorded where the record's own events are.",
                   edit(export=own), "file_malformed")  # fmt: skip
    yield shop.lie("scope_left_out", "There is no scope.", {}, verdict=INVALID)._replace(
        broken=changed(shop.files, {SCOPE: None}), codes=("file_missing",)
    )  # fmt: skip


def _strangers(bench: Bench) -> Iterator[Attack]:
    """Others than the exporter sign for the package."""
    files = bench.record
    stranger = generate("ed25519", "act", bench.key.name, lambda size: b"\5" * size)
    yield Attack("exporter_unknown", "Somebody signs for the bundle whose key it does not show.",
                 "record", sealed(files, stranger), UNVERIFIABLE,
                 ("exporter_key_unknown",))  # fmt: skip
    yield Attack("exporter_signs_for_another_scope", "The note says another scope.", "record",
                 sealed(files, bench.key, scope=f"record {_id('record')}"),
                 INVALID, ("note_differs",))  # fmt: skip
    yield Attack("exporter_signs_before_the_export", "The note is older than the export.", "record",
                 sealed(files, bench.key, exported="1999-01-01T00:00:00.000Z"),
                 INVALID, ("note_differs",))  # fmt: skip
    yield Attack("exporter_signs_for_another_manifest", "The note says another manifest.", "record",
                 sealed(files, bench.key, manifest="0" * 64), INVALID,
                 ("note_differs",))  # fmt: skip
