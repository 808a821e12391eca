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
    from ledger.effects.certifying import texts

    with call.reading() as ledger:
        found = case_of(ledger, case)
        entry = entry_of(call, ledger, as_of)
        said = read(ledger, found, entry)
        if said is None:
            raise not_yet("destruction_case")
        if said["certified"] is None:
            msg = "the case is not certified, so there is no certificate"
            raise UsageError(msg, "muniment destroy show CASE")
        if call.as_json:
            print_json(said)
            return
        reader = Reader(call, ledger)
        words = texts(ledger, found, entry) if reader.opens else {}
        for line in _lines(said, reader, words):
            click.echo(printable(line))


def _both(enumeration: str, code: str | None) -> str:
    """The labels of a code in both languages."""
    from domain.codes import label

    if code is None:
        return "—"
    zh, en = (label(enumeration, code, "zh"), label(enumeration, code, "en"))
    return f"{zh} / {en}"


def _lines(
    said: Mapping[str, Any], reader: Reader, texts: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    counts = said["counts"]
    yield "销毁证明 / Certificate of destruction"
    yield ""
    yield f"案号 Case: {said['case']}"
    yield f"结论 Verdict: {_both('CertificateVerdict', said['verdict'])}"
    yield f"依据 Ground: {_both('DestructionGround', said['ground'])}"
    yield f"方式 Method: {_both('DestructionMethodClass', said['method'])}"
    yield f"清册根 Root of the list: {said['root']}"
    yield (
        f"清册 Listed: {counts['listed']}；已销毁并核验 destroyed and verified: "
        f"{counts['verified']}；未销毁移出 taken off, not destroyed: {counts['taken_off']}；"
        f"已知留存 known to remain: {said['remaining_count']}；"
        f"未清除密钥副本 copies of keys left: {said['key_copies_count']}"
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
    for medium in said["media"]:
        source = _both("SerialSource", medium["serial_source"])
        yield f"介质 Medium: {medium['medium']}  {_both('BackupMedium', medium['kind'])}  {source}"
    yield from _residual(said)
    yield from _keys(said)
    yield from _texts(texts)
    yield ""
    yield from said["claim"].values()
    for text in said["not_claimed"]:
        yield from text.values()


def _residual(said: Mapping[str, Any]) -> Iterator[str]:
    """What is still there of what the list held, and why."""
    if said["residual"]:
        yield "留存 Remaining"
    for one in said["residual"]:
        why = f"{_WHY[one['why']]}  {one['kept_until'] or ''}".rstrip()
        yield f"  {one['holding']}  {_both('BackupMedium', one['medium'])}  {why}"
    yield f"此前已交出 Handed out before: {said['handed_out']}"


_WHY = {
    "kept_by_another": "他方保管 kept by another party",
    "kept_by_law": "法定保管期未满 kept for a period by law",
    "lost": "已遗失，可能被找到 lost, and may be found",
    "not_on_the_list": "未列入清册 not on the list",
}
_FATES = {
    "destroyed": "已整体销毁 destroyed as a whole",
    "cleared": "已清除相关密钥 cleared of these keys",
    "medium_keeps": "已覆写，介质可能另存旧块 overwritten, the medium may keep older blocks",
    "left": "未清除 not cleared",
}


def _keys(said: Mapping[str, Any]) -> Iterator[str]:
    """The keys that were shredded, and every copy of them with its fate."""
    if not said["keys"]:
        return
    kind = said["encryption"]
    yield f"销毁密钥 Keys: {len(said['keys'])}  {kind['algorithm']}, {kind['key_bits']} bit"
    yield from (f"  {one}" for one in said["keys"])
    medium = said["keystore_medium"]
    named = _both("BackupMedium", medium) if medium else "从未登记 never named"
    yield f"密钥库介质 Medium of the keystore: {named}"
    yield f"密钥副本 Copies of keys: {len(said['key_copies'])}"
    for copy in said["key_copies"]:
        yield (
            f"  {copy['copy']}  {_both('KeyCopyKind', copy['kind'])}  "
            f"{_both('BackupMedium', copy['medium'])}  {_FATES[copy['fate']]}  "
            f"({copy['cleared']}/{copy['covered']})"
        )
        if copy["technique"]:
            yield f"    {_both('DestructionTechnique', copy['technique'])}"


def _texts(texts: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """What was said in words on the certificate itself."""
    titles = {
        "residual": "留存说明 Residual", "destination": "介质去向 Destination",
        "environment": "环保处理 Environment", "place": "地点 Place", "tool": "工具 Tool",
        "manufacturer": "制造商 Manufacturer", "model": "型号 Model", "serial": "序列号 Serial no.",
        "label": "标签 Label",
    }  # fmt: skip
    for fields in texts.values():
        yield from (f"{titles[name]}: {text}" for name, text in fields.items() if name in titles)


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
