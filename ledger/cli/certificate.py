"""`muniment certificate`: the certificate of a destruction, in Chinese with English beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.call import Call
from ledger.cli.columns import printable
from ledger.cli.command import argument, command, pass_call
from ledger.cli.destroy_shown import case_of
from ledger.cli.language import N_
from ledger.cli.output import print_json
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.cli.reading import Reader


@command(
    "certificate",
    N_(
        "Print the certificate of a destruction, in Chinese and English.\n\n"
        "Only of a case that is certified; of any other see muniment destroy show CASE."
    ),
)
@argument("case", metavar="CASE")
@as_of_option
@pass_call
def certificate(call: Call, *, case: str, as_of: str | None) -> None:
    """What was destroyed, how, who agreed, did, watched and verified it; and what is not said."""
    from ledger.cli.reading import Reader
    from ledger.effects.certifying import certificate as read

    with call.reading() as ledger:
        found = case_of(ledger, case)
        said = read(ledger, found, entry_of(call, ledger, as_of))
        if said is None:
            raise not_yet("destruction_case")
        if said["certified"] is None:
            msg = "the case is not certified, so there is no certificate"
            raise UsageError(msg, "muniment destroy show CASE")
        if call.as_json:
            print_json(said)
            return
        for line in _lines(said, Reader(call, ledger)):
            click.echo(printable(line))


def _both(enumeration: str, code: str | None) -> str:
    """The labels of a code in both languages."""
    from domain.codes import label

    if code is None:
        return "—"
    zh, en = (label(enumeration, code, "zh"), label(enumeration, code, "en"))
    return f"{zh} / {en}"


def _lines(said: Mapping[str, Any], reader: Reader) -> Iterator[str]:
    counts = said["counts"]
    yield "销毁证明 / Certificate of destruction"
    yield ""
    yield f"案号 Case: {said['case']}"
    yield f"结论 Verdict: {_both('CertificateVerdict', said['verdict'])}"
    yield f"依据 Ground: {_both('DestructionGround', said['ground'])}"
    yield f"方式 Method: {_both('DestructionMethodClass', said['method'])}"
    yield f"清册根 Root of the list: {said['root']}"
    yield (
        f"清册 Listed: {counts['listed']}; 已销毁并核验 destroyed and verified: "
        f"{counts['verified']}; 未销毁移出 taken off, not destroyed: {counts['taken_off']}; "
        f"已知留存 known to remain: {said['remaining_count']}"
    )
    yield ""
    yield from _steps(said, reader)
    yield ""
    yield "副本 Copies"
    for item in said["items"]:
        state = "移出 taken off" if item["taken_off"] else _both("ItemOutcome", item["outcome"])
        yield (
            f"  {item['holding']}  {_both('MediumForm', item['form'])}  "
            f"{_both('BackupMedium', item['medium'])}  {state}  "
            f"{_both('VerificationResult', item['verified'])}"
        )
    for title, ids in (("留存 Remaining", said["remaining"]), ("销毁密钥 Keys", said["keys"])):
        if ids:
            yield title
            yield from (f"  {one}" for one in ids)
    yield ""
    yield from said["claim"].values()
    for text in said["not_claimed"]:
        yield from text.values()


_STEPS = (
    ("proposed", "申请 Proposed"),
    ("appraised", "鉴定 Appraised"),
    ("approved", "审批 Approved"),
    ("executed", "执行 Executed"),
    ("verified", "核验 Verified"),
    ("taken_off", "移出 Taken off"),
    ("certified", "出具 Certified"),
)


def _steps(said: Mapping[str, Any], reader: Reader) -> Iterator[str]:
    """Who did what when, by person: several events of one commit are one step."""
    told: set[tuple[str, str, str]] = set()
    for name, title in _STEPS:
        steps = said[name] if isinstance(said[name], list) else [said[name]]
        for step in steps:
            key = (name, step["by"], step["accepted"])
            if key in told:
                continue
            told.add(key)
            yield f"{title}: {step['accepted']}  {_person(step['by'], reader)}  {step['event']}"
            if name == "appraised":
                yield f"  {_both('CheckResult', step['result'])}"
            elif name == "executed":
                yield f"  {_both('DestructionTechnique', step['technique'])}"
                yield f"  {step['started_at']} – {step['ended_at']}"
                yield from (f"  监销 Witness: {_person(w, reader)}" for w in step["witnesses"])
            elif name == "verified":
                yield f"  {_both('VerificationMethod', step['method'])}"


def _person(actor: str, reader: Reader) -> str:
    name = reader.name_of(actor)
    return f"{name} ({actor})" if name else actor
