"""From a twin to what stands on the pages: sections of fields and tables, each text twice.

A pure function of the twin. Whatever the twin says is shown: members that this module knows in
their place, all others under "further particulars" by their own name, so that nothing that was
certified is left off the pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ledger.documents.cells import (
    Cell,
    china,
    grouped,
    in_order,
    is_table,
    person,
    said_in,
    value_of,
    words_of,
)
from ledger.documents.destroyed import certificate, destruction_list, drill
from ledger.documents.handed import handover_confirmation, handover_list
from ledger.documents.layout import column, fields, named, table
from ledger.documents.told import access_review, closing_report, transfer_notice
from ledger.documents.words import (
    BOXES,
    COLUMNS,
    FIELDS,
    NON_CLAIMS,
    SEAL,
    TITLES,
    VERIFICATION,
    WIDTHS,
    Words,
)


def view(twin: Mapping[str, Any]) -> dict[str, Any]:
    """What the template lays out, but for the digests of the twin itself."""
    kind, said = twin["kind"], twin["said"]
    sections = {
        "destruction_list": destruction_list, "destruction_certificate": certificate,
        "restore_drill_report": drill, "handover_list": handover_list,
        "handover_confirmation": handover_confirmation, "transfer_notice": transfer_notice,
        "access_review": access_review, "closing_report": closing_report,
    }[kind]  # fmt: skip
    shown: set[str] = {"not_claimed", "claim"}
    made = [_particulars(twin), *sections(twin, said, shown)]
    made += _further(twin, {name: value for name, value in said.items() if name not in shown})
    certifies = kind == "destruction_certificate"
    return {
        "kind": kind, "number": twin["number"], "title": TITLES[kind],
        "banner": _banner(kind, said),
        "statements": _statements(said) if certifies else [],
        "sections": [section for section in made if section["rows"]],
        "nonclaims": [*NON_CLAIMS, *map(words_of, said.get("not_claimed", ()))],
        "verification": VERIFICATION, "boxes": BOXES[kind], "seal": SEAL,
        "checkpoint": {
            "size": f"{twin['checkpoint']['size']:,}", "root": grouped(twin["checkpoint"]["root"]),
            "origin": twin["ledger"]["origin"],
        },
    }  # fmt: skip


def _particulars(twin: Mapping[str, Any]) -> dict[str, Any]:
    issuer, source = twin["issuer"], twin["source"]
    template = twin["template"]
    rows: list[tuple[str, Cell]] = [
        ("number", [("mono", twin["number"])]),
        ("issued_at", [("zh", f"{china(twin['issued_at'])}（北京时间 UTC+8）")]),
        ("origin", [("mono", twin["ledger"]["origin"])]),
        ("ledger", [("mono", twin["ledger"]["id"])]),
        ("engagement", [("mono", twin["engagement"])]),
        ("issuer", person(twin, issuer)),
        ("source", [("mono", f"{source['stream']}/1 – {source['event'].rpartition('/')[2]}")]),
        ("template", [("mono", f"{template['id']} v{template['version']}")]),
    ]
    return fields(("文书信息", "Document"), rows)


def _further(twin: Mapping[str, Any], rest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What no section knows, by its own name."""
    plain = {name: value for name, value in rest.items() if not is_table(value)}
    yield fields(("其他事项", "Further particulars"), named(twin, plain, list(plain), set()))
    for name, value in rest.items():
        if is_table(value):
            keys = COLUMNS.get(name) or in_order({key for row in value for key in row})
            columns = [column(*FIELDS.get(k, (k, k)), WIDTHS.get(k, "1fr")) for k in keys]
            rows: list[list[Cell]] = [
                [value_of(twin, k, row.get(k)) for k in keys] for row in value
            ]
            yield {**table(FIELDS.get(name, (name, name)), columns, rows), "narrow": True}


_BANNERS: Final = {
    "destruction_certificate": ("verdict", "CertificateVerdict"),
    "restore_drill_report": ("result", "CheckResult"),
    "closing_report": ("outcome", "EngagementOutcome"),
}


def _banner(kind: str, said: Mapping[str, Any]) -> list[Words] | None:
    """What a document comes to, in the one word that everybody looks for first."""
    name, enumeration = _BANNERS.get(kind, ("", ""))
    code = said.get(name)
    if not isinstance(code, str):
        return None
    named = ("结果", "Outcome") if name == "outcome" else FIELDS["verdict"]
    return [named, (said_in(enumeration, code, 0), said_in(enumeration, code, 1))]


def _statements(said: Mapping[str, Any]) -> list[Words]:
    claim = said.get("claim")
    return [words_of(claim)] if isinstance(claim, dict) else []
