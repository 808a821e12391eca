"""What an exporter leaves out, and says that it is all: by the index, in a period."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger.bundle.order import canonical_json
from tests.corpus.attacks import INDEX, KEYS, UNVERIFIABLE, VALID, Attack, Bench, Shop
from tests.corpus.sealing import BOOK, EVENTS, PLACES, REDACTED, SCOPE


def indexed(bench: Bench) -> Iterator[Attack]:
    """Rows of the index left out, turned round or made up."""
    shop = Shop(bench, "record")
    about = shop.json(SCOPE)["id"]
    names = [one["object"] for one in shop.json(INDEX)["objects"]]
    at = names.index(about)
    rows = shop.json(INDEX)["objects"][at]["rows"]
    mine = [n for n, row in enumerate(rows) if row["text"].startswith(about)]

    def of(value: Any) -> Any:
        return value["objects"][at]["rows"]

    def dropped(value: Any) -> None:
        del of(value)[mine[-1]]

    def cut(value: Any) -> None:
        del of(value)[mine[-1] :]

    def versioned(value: Any) -> None:
        parts = of(value)[mine[0]]["text"].split(" ")
        of(value)[mine[0]]["text"] = " ".join([*parts[:2], f"{int(parts[2]) + 1}", parts[3]])

    def bent(value: Any) -> None:
        of(value)[mine[0]]["hashes"].reverse()

    def twice(value: Any) -> None:
        value["objects"].append(value["objects"][-1])

    def no_head(value: Any) -> None:
        del value["heads"][0]

    def bent_head(value: Any) -> None:
        value["heads"][0]["hashes"].reverse()

    yield shop.lie("index_row_left_out", "A row of the object is left out of its middle.",
                   shop.edited(INDEX, dropped))  # fmt: skip
    yield shop.lie("index_cut", "The last rows are left out, and so is the neighbour.",
                   shop.edited(INDEX, cut), "index_differs")  # fmt: skip
    yield shop.lie("index_row_changed", "A row names another version.",
                   shop.edited(INDEX, versioned), "index_differs")  # fmt: skip
    yield shop.lie("index_proof_wrong", "A row's proof leads elsewhere.",
                   shop.edited(INDEX, bent), "index_differs")  # fmt: skip
    yield shop.lie("index_object_twice", "An object's rows stand there twice.",
                   shop.edited(INDEX, twice), "index_malformed")  # fmt: skip
    yield shop.lie("index_head_left_out", "The row of a signer's own stream is not shown.",
                   shop.edited(INDEX, no_head), verdict=VALID)  # fmt: skip
    yield shop.lie("index_head_proof_wrong", "The proof of a signer's own row leads elsewhere.",
                   shop.edited(INDEX, bent_head), "index_differs")  # fmt: skip
    yield shop.lie("index_malformed", "index.json is a list.", {INDEX: b"[]\n"},
                   "index_malformed")  # fmt: skip
    yield shop.lie("index_left_out", "The scope names an index, and none is there.",
                   {INDEX: None}, "part_missing", verdict=UNVERIFIABLE)  # fmt: skip


def beside(bench: Bench) -> Iterator[Attack]:
    """What is left out of the histories beside the record's own: of its copies, of its signers."""
    shop = Shop(bench, "destroyed_record")
    scope = shop.json(SCOPE)
    (case,) = (one for one in scope["streams"] if one.startswith("destruction_case-"))
    (copy,) = (one for one in scope["streams"] if one.startswith("holding-"))
    end = [p["event"] for p in shop.shown() if p["event"].startswith(case)][-1]

    def no_copy(value: Any) -> None:
        value["objects"] = [one for one in value["objects"] if one["object"] != copy]

    shorter = {**scope, "streams": [one for one in scope["streams"] if one != case]}
    yield shop.lie("case_without_its_end", "The certificate of the destruction is left out.",
                   shop.without(end), "index_differs")  # fmt: skip
    yield shop.lie("copy_without_its_rows", "The rows of the copy in the index are not shown.",
                   shop.edited(INDEX, no_copy), verdict=VALID)  # fmt: skip
    yield shop.lie("case_without_its_end_nor_rows", "The copy's rows and the case's end are gone.",
                   {**shop.without(end), **shop.edited(INDEX, no_copy)}, verdict=VALID)  # fmt: skip
    yield shop.lie("case_kept_out_of_the_scope", "The case is there, and not named in the scope.",
                   {SCOPE: canonical_json(shorter)}, "derived_differs")  # fmt: skip

    def in_force(rows: list[Any]) -> None:
        (row,) = (row for row in rows if "until" in row)
        row["condition"] = "active"
        del row["until"], row["events"][-1]

    (ended,) = (row["events"][-1] for row in shop.json(KEYS) if "until" in row)

    def no_head(value: Any) -> None:
        stream = ended.partition("/")[0]
        value["heads"] = [row for row in value["heads"] if not row["text"].startswith(stream)]

    unrevoked = {**shop.without(ended), **shop.edited(KEYS, in_force)}
    yield shop.lie("revocation_left_out", "The end of a signer's key is left out.",
                   unrevoked, "index_differs")  # fmt: skip
    yield shop.lie("revocation_and_head_left_out", "So is the index's row of the signer.",
                   {**unrevoked, **shop.edited(INDEX, no_head)}, verdict=VALID)  # fmt: skip


def period(bench: Bench) -> Iterator[Attack]:
    """Entries left out of a period, or said to be outside."""
    shop = Shop(bench, "period")
    scope = shop.json(SCOPE)
    first, end = scope["first"], scope["end"]
    inside = first + 1
    gone = {n: None for n in shop.files
            if n.startswith((f"{BOOK}/entries/{inside}.", f"{BOOK}/proofs/{inside}.",
                             f"{BOOK}/proofs/{inside}-"))}  # fmt: skip
    places = shop.json(PLACES)
    kept = [n for n, p in enumerate(places) if p["entry"] != inside]
    lines = shop.lines
    redacted = {p["event"] for p in places if p["entry"] == inside}
    without: dict[str, bytes | None] = {
        **gone, EVENTS: b"".join(lines[n] for n in kept),
        PLACES: canonical_json([places[n] for n in kept]),
        REDACTED: canonical_json([r for r in shop.json(REDACTED) if r["event"] not in redacted]),
    }  # fmt: skip
    yield shop.lie("period_with_an_entry_left_out", "An entry inside the period is left out.",
                   without)  # fmt: skip
    after = dict.fromkeys([f"{BOOK}/entries/{end}.entry", f"{BOOK}/proofs/{end}.tlog-proof"])
    yield shop.lie("period_without_its_end", "The entry after the period is left out.",
                   after, "entry_missing", verdict=UNVERIFIABLE)  # fmt: skip

    before = dict.fromkeys(
        [f"{BOOK}/entries/{first - 1}.entry", f"{BOOK}/proofs/{first - 1}.tlog-proof"]
    )
    yield shop.lie("period_without_its_beginning", "The entry before the period is left out.",
                   before, "entry_missing", verdict=UNVERIFIABLE)  # fmt: skip

    yield from _period_moved(shop)
    yield from _period_cut(shop)


def _period_moved(shop: Shop) -> Iterator[Attack]:
    """The period is said to lie elsewhere, and to be empty."""
    scope = shop.json(SCOPE)
    first, end, places = scope["first"], scope["end"], shop.json(PLACES)
    held = {int(n.rpartition("/")[2][:-6]) for n in shop.files if n.endswith(".entry")}
    proved = {place["entry"] for place in places}

    def moved(to: int) -> dict[str, bytes | None]:
        """The period is said to lie at an entry, and to have none."""
        stray = {first - 1, end} - proved - {to - 1, to}
        names = [f"{BOOK}/entries/{n}.entry" for n in stray]
        names += [f"{BOOK}/proofs/{n}.tlog-proof" for n in stray]
        scope_as = {SCOPE: canonical_json({**scope, "first": to, "end": to})}
        return {**dict.fromkeys(names), **scope_as}

    early = next(n for n in range(1, first) if {n - 1, n} <= held)
    late = next(n for n in range(scope["checkpoint"], end, -1) if {n - 1, n} - {scope["checkpoint"]}
                <= held)  # fmt: skip
    for name, to in (("beginning", early), ("end", late)):
        yield shop.lie(f"period_moved_to_the_{name}",
                       "No entry is said to be in the period, but others on both sides.",
                       moved(to), "period_gap")  # fmt: skip


def _period_cut(shop: Shop) -> Iterator[Attack]:
    """The period is said to be shorter, or longer."""
    scope = shop.json(SCOPE)
    first, end = scope["first"], scope["end"]

    def later(value: Any) -> None:
        value["first"] = first + 1

    yield shop.lie("period_begun_later", "The first entry of the period is said to be outside.",
                   shop.edited(SCOPE, later), "period_gap")  # fmt: skip

    def shorter(value: Any) -> None:
        value["end"] = end - 1

    def wider(value: Any) -> None:
        value["from"] = "2026-03-02T00:00:00.000Z"

    yield shop.lie("period_shortened", "The last entry of the period is said to be outside.",
                   shop.edited(SCOPE, shorter))  # fmt: skip
    yield shop.lie("period_widened", "The period is said to have begun earlier.",
                   shop.edited(SCOPE, wider), "selection_differs")  # fmt: skip
