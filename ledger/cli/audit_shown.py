"""How the answers to an auditor's questions are shown to people, and printed for machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.labels import kind_label, topic_label
from ledger.cli.language import N_, _, language
from ledger.cli.output import (
    Column,
    coded,
    dumps,
    listed,
    local,
    note,
    print_json,
    print_rows,
    several,
)

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.audit.questions.changes import Changes
    from ledger.audit.questions.reported import Reported

Row = Mapping[str, Any]

KINDS: Final[Mapping[str, str]] = {
    "accessed": N_("accessed"),
    "break_glass": N_("accessed in an emergency"),
    "denied": N_("was refused"),
    "may": N_("was permitted to"),
    "keeps": N_("kept a copy"),
    "keyholder": N_("could by position"),
    "keycopy": N_("kept a copy of the keys"),
    "received": N_("received it"),
    "evidence": N_("was given evidence of it"),
    "replica": N_("compared a copy of the ledger"),
    "grant": N_("grant"),
    "grant_mode": N_("mode of a grant"),
    "role": N_("role"),
    "key": N_("key"),
}
WHYS: Final[Mapping[str, str]] = {
    "allowed": N_("permitted by the grant"),
    "break_glass": N_("an emergency"),
    "grant_over": N_("the grant's time ends it"),
    "grant_revoked": N_("the grant was revoked"),
    "no_longer_covered": N_("the grant no longer covers it"),
    "nothing_left": N_("no copy was left any more"),
    "custodian": N_("has the copy"),
    "backup": N_("has the copy in a backup"),
    "keeps_copy": N_("keeps copies for a party that has one"),
    "keeps_ledger_keys": N_("keeps the ledger's own keys"),
    "role_in_deal": N_("keeps copies for this deal"),
    "live_copy": N_("the keystore itself"),
    "backup_copy": N_("a backup of the keystore"),
    "escrow_copy": N_("keys deposited with somebody"),
    "export_copy": N_("keys given away"),
}
STANDINGS: Final[Mapping[str, str]] = {
    "valid": N_("valid"),
    "disputed": N_("disputed"),
    "report": N_("the report itself"),
    "refused": N_("after the report"),
}
CHANGES: Final[Mapping[str, str]] = {
    "added": N_("added"),
    "changed": N_("changed"),
    "ended": N_("ended"),
}
LIMITS: Final[Mapping[str, str]] = {
    "outside_muniment": N_("what is opened outside Muniment leaves no trace here"),
    "openings_given": N_("what was disclosed field by field, in a file, is not recorded"),
    "copies_of_the_folder": N_("copies of the ledger's folder and replicas are not recorded"),
    "paper_by_statement": N_("access to paper is known by what people say"),
    "what_was_copied_on": N_("what somebody copied on after having it is not recorded"),
    "contents_are_sealed": N_("whether contents are equal cannot be told: both keep them sealed"),
    "only_what_was_imported": N_("only what one took over from the other is compared"),
}
CODES: Final[Mapping[str, str]] = {
    "other_history": N_("another history"),
    "state_unknown": N_("a state that the other never had"),
    "origin": N_("another origin"),
    "handover_unknown": N_("the handover is not there"),
    "not_confirmed": N_("the handover was not confirmed"),
    "package": N_("another package"),
    "record_not_handed_over": N_("taken over, but not handed over"),
    "item_rejected": N_("taken over, but rejected"),
    "not_taken_over": N_("handed over, but not taken over"),
    "taken_over_twice": N_("taken over twice"),
    "size": N_("another size"),
    "items": N_("another number of items"),
    "form": N_("another form"),
    "category": N_("another category"),
    "taken_over_early": N_("taken over before it was given away"),
    "open_discrepancy": N_("a discrepancy is still open"),
    "records_counted": N_("another number of records"),
    "key_condition": N_("a key stands differently"),
    "fork_recorded": N_("a fork was recorded"),
    "same_origin": N_("two ledgers under one origin"),
}


def _of(texts: Mapping[str, str]) -> Callable[[str], str]:
    return lambda code: _(texts[code]) if code in texts else code


def _why(code: str) -> str:
    """Why somebody could: a code of ours, the detail of a refusal, or a domain code."""
    from ledger.cli.handover_shown import STEPS
    from ledger.cli.refusals import EXPLANATIONS, explain

    if code in WHYS or code in STEPS:
        return _(WHYS.get(code) or STEPS[code])
    if code in EXPLANATIONS:
        return explain(code)[0]
    shown = coded("EvidenceRecipient")(code)
    return coded("ReplicaComparison")(code) if shown == code else shown


def _says(value: object) -> str:
    """What a ledger says: a number, an id, a time, or a code by its label."""
    from ledger.cli.handover_shown import STEPS

    code = str(value)
    if code in STEPS:
        return _(STEPS[code])
    if code == "taken_over":
        return _("taken over")
    for enumeration in ("RecordCategory", "MediumForm", "KeyState", "ItemOutcome"):
        if (shown := coded(enumeration)(code)) != code:
            return shown
    return code


def _topic(code: str) -> str:
    return topic_label(code, language())


def _lasting(seconds: int) -> str:
    """A length of time: to the second below an hour, to the hour from a day on."""
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    if days:
        return _("{days} d {hours} h").format(days=days, hours=hours)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
    if minutes:
        return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=seconds)
    return _("{seconds} s").format(seconds=seconds)


def _which(what: str) -> str:
    """A role, modes of access, or the id of a key."""
    shown = coded("Role")(what)
    return shown if shown != what else _modes(what.split(" "))


def _object(identity: str) -> str:
    """An id; of a role, a key or a pack, whose it is and which."""
    whose, _space, which = identity.partition(" ")
    return f"{whose} {coded('Role')(which)}".rstrip()


def _modes(codes: Sequence[str]) -> str:
    return listed(map(coded("AccessMode"), codes))


ACCESS: Final = (
    Column("kind", N_("what"), _of(KINDS)), Column("whom", N_("who")),
    Column("from", N_("from"), local), Column("until", N_("until"), local),
    Column("modes", N_("how"), _modes),
    Column("purposes", N_("purposes"), lambda codes: listed(map(coded("AccessPurpose"), codes))),
    Column("giver", N_("by whom")), Column("via", N_("by what"), coded("Role")),
    Column("used", N_("used"), right=True), Column("why", N_("why"), _why),
    Column("evidence", N_("events"), several),
)  # fmt: skip
UNUSED: Final = (
    Column("kind", N_("what"), _of(KINDS)), Column("what", N_("which one"), _which),
    Column("whom", N_("who")), Column("since", N_("from"), local),
    Column("until", N_("until"), local), Column("last_use", N_("last use"), local),
    Column("giver", N_("by whom")), Column("id", N_("id")),
    Column("evidence", N_("events"), several),
)  # fmt: skip
COUNTED: Final = (
    Column("aggregate", N_("of what"), kind_label),
    *(Column(code, text, right=True) for code, text in CHANGES.items()),
)
CHANGED: Final = (
    Column("aggregate", N_("of what"), kind_label), Column("change", N_("change"), _of(CHANGES)),
    Column("id", N_("id"), _object),
    Column("events", N_("events"), str, right=True),
)  # fmt: skip
LATE: Final = (
    Column("position", N_("position"), right=True), Column("type", N_("event"), _topic),
    Column("claimed", N_("happened"), local), Column("accepted", N_("entered"), local),
    Column("late_seconds", N_("late by"), _lasting, right=True),
    Column("whom", N_("who")), Column("reason", N_("reason"), coded("LateReason")),
    Column("event", N_("id")),
)  # fmt: skip
KEYS: Final = (
    Column("key", N_("key")), Column("whom", N_("who")),
    Column("suspected_since", N_("suspected since"), local),
    Column("reported", N_("reported"), local), Column("before", N_("acts before"), right=True),
    Column("after", N_("acts after"), right=True),
    *(Column(code, text, right=True) for code, text in STANDINGS.items()),
    Column("event", N_("report")),
)  # fmt: skip
_ACTS: Final = (
    Column("position", N_("position"), right=True), Column("accepted", N_("entered"), local),
    Column("events", N_("events"), right=True), Column("role", N_("role"), coded("Role")),
    Column("standing", N_("standing"), _of(STANDINGS)),
    Column("anchored_before", N_("stamped by")),
)  # fmt: skip
DISAGREED: Final = (
    Column("code", N_("what"), _of(CODES)), Column("about", N_("about")),
    Column("a", N_("A says"), _says), Column("b", N_("B says"), _says),
    Column("a_events", N_("events of A"), several), Column("b_events", N_("events of B"), several),
)  # fmt: skip


def shown_rows(call: Call, ledger: Ledger, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Rows with what only the table shows: names of people and parties, where they can be read."""
    from msgspec import to_builtins

    from ledger.cli.reading import Reader

    reader = Reader(call, ledger)

    def name(identity: str | None) -> str | None:
        if not identity or identity.partition("-")[0] not in ("actor", "party"):
            return identity
        return reader.name_of(identity) or identity

    found = []
    for one in rows:
        row: dict[str, Any] = to_builtins(one)
        row |= row.get("counts") or {}
        whom = row.get("actor") or row.get("party") or row.get("holder")
        found.append({**row, "whom": name(whom), "giver": name(row.get("by"))})
    return found


def print_answer(
    call: Call, answer: object, rows: Sequence[Row], columns: Sequence[Column], style: str | None
) -> None:
    """The whole answer as one JSON value, or its rows as asked for."""
    from msgspec import to_builtins

    if style is None and call.as_json:
        print_json(to_builtins(answer))
        return
    only_shown = {"whom", "giver"}
    keys = [key for key in rows[0] if key not in only_shown] if rows else []
    print_rows(call, rows, columns, style or "table", keys)


def print_changes(found: Changes, rows: Iterable[Row] | None) -> None:
    """The whole answer as one JSON value, its objects as they come, a line each."""
    from msgspec import to_builtins

    whole = dumps(to_builtins(found))
    if rows is None:
        click.echo(whole)
        return
    click.echo(f'{whole[:-1]}, "changed": [', nl=False)
    for number, row in enumerate(rows):
        click.echo(("," if number else "") + f"\n{dumps(row)}", nl=False)
    click.echo("]}")


def print_acts(one: Reported) -> None:
    """The acts of a reported key."""
    from ledger.cli.columns import table

    click.echo(f"\n{_('key')} {one.key}")
    cells = (
        ["" if row[c.key] is None else c.show(row[c.key]) for c in _ACTS] for row in one.acts
    )  # fmt: skip
    for line in table([_(c.title) for c in _ACTS], cells, frozenset({0, 2})):
        click.echo(line)


def said_limits(call: Call, limits: Iterable[str]) -> None:
    """What the answer cannot know."""
    note(call, _("Not known from events:"))
    for limit in limits:
        note(call, f"  {_(LIMITS[limit])}")
