"""What an exporter withholds, and what then cannot be said, is told alike in the browser."""

from __future__ import annotations

from ledger.signing import new_ids
from tests.ledger.offline_forger import Rogue, Shown, next_of, reasons
from tests.ledger.rogues import Estate, estate, estate_template  # noqa: F401  fixtures
from tests.ledger.signers import signer
from tests.ledger.test_offline_complete import LATER, SOON, between
from tests.ledger.test_offline_copies import copy_of
from tests.ledger.test_offline_disclosed import attached
from tests.verifiers.browserscript import BrowserScript
from tests.verifiers.cases import Case, same

AUDITOR = signer("auditor.example/index", 4)


def told(script: BrowserScript, rogue: Rogue, shown: Shown, **open_claims: str) -> None:
    rogue.record_export(shown)
    case = Case(rogue.bundle(shown, recorded=True), rogue.case.vkey, (AUDITOR.verifier.format(),))
    report = case.python()
    assert report.verdict == "valid", report.findings
    assert {claim: reasons(report, claim) for claim in open_claims} == {
        claim: [reason] for claim, reason in open_claims.items()
    }
    assert same(report, case.script(script))


def test_an_event_withheld_within_a_copys_history(
    script: BrowserScript,
    estate: Estate,  # noqa: F811
) -> None:
    rogue = estate.rogue
    stream = copy_of(rogue)
    first = 1 + max(one["version"] for one in rogue.all_events() if one["stream"] == stream)
    for _ in range(2):
        rogue.administered(next_of(rogue, stream, type="holding.said"))
    rogue.publish_index()
    shown = Shown(cosigned={len(rogue.entries): (AUDITOR,)}, indexed=True)
    told(script, rogue, shown, permitted="not_judged", time="no_tsa_trusted")
    hidden = shown._replace(withheld={f"{stream}/{first}": "trade_secret"})
    told(script, rogue, hidden, complete="redacted", streams_unbroken="redacted")
    told(script, rogue, shown._replace(indexed=True, unindexed=(rogue.ledger_id,)),
         keys_current="index_partial")  # fmt: skip


def test_an_event_withheld_from_a_period_and_a_period_without_any(
    script: BrowserScript,
    estate: Estate,  # noqa: F811
) -> None:
    rogue = estate.rogue
    index, stream = len(rogue.entries), new_ids("hold")[0]
    for at in (SOON, LATER):
        rogue.administered(next_of(rogue, stream, type="hold.said"), at=at)
    between(rogue, index, index + 1, SOON, LATER)
    shown = Shown(cosigned={index + 2: (AUDITOR,)})
    told(script, rogue, shown, keys_current="no_index", time="no_tsa_trusted")
    hidden = shown._replace(withheld={f"{stream}/1": "trade_secret"})
    told(script, rogue, hidden, events_genuine="redacted")
    between(rogue, index + 1, index + 1, "2098-06-01T00:00:00.000Z", LATER)
    told(script, rogue, shown, witnessed="no_events")


def test_a_file_that_nobody_can_compare(
    script: BrowserScript,
    estate: Estate,  # noqa: F811
) -> None:
    for kind in ("redacted", "sealed"):
        told(script, estate.rogue, attached(estate, kind), disclosed="attachment_unproved")
