"""What would take minutes, or gigabytes, is left undone in the browser too, and told alike."""

from __future__ import annotations

import pytest

from ledger.offline.events import MAX_NESTED
from ledger.tlog.note import Note, SignatureLine
from tests.ledger.offline_forger import EVENTS, OPENINGS, PLACES
from tests.ledger.signers import signer
from tests.verifiers.browserscript import BrowserScript
from tests.verifiers.cases import Small, same

SECONDS = 10.0
# An actor who is an administrator is granted the same role again and again.
GRANTS = """(entries, each, scope) => {
  const known = new history.History("o"), began = Date.now();
  const event = (version) => ({ type: "actor.role_granted", stream: "actor-1", by: "actor-1",
    role: "administrator", version, id: "actor-1/" + version,
    fields: { granted: "administrator", ...version > 1 && scope ? { scope } : {} } });
  const commit = { signers: [{ name: "o/a/actor-1", keyId: "0", capacity: "administrator" }] };
  let refused = known.fold(0, "2026-01-01T", commit, [event(1)]).length;
  for (let entry = 1; entry <= entries; entry++) {
    const said = Array.from({ length: each }, (_, at) => event(2 + at));
    refused += known.fold(entry, "2026-01-01T", commit, said).length;
  }
  return [refused, (Date.now() - began) / 1000];
}"""


@pytest.mark.parametrize(("entries", "scope"), [(2, ""), (500, ""), (2, "engagement-x")])
def test_very_many_grants_to_one_person_cost_seconds(
    script: BrowserScript, entries: int, scope: str
) -> None:
    refused, took = script.call(GRANTS, entries, 50_000 // entries, scope)
    assert refused == 0
    assert took < SECONDS


def test_a_stranger_makes_nobody_verify_signatures(script: BrowserScript, small: Small) -> None:
    case = small.case
    stranger = signer(case.ledger.partition("+")[0]).verifier.format()
    report = case._replace(ledger=stranger).python()
    assert [found.code for found in report.findings] == ["checkpoint_key_unknown"]
    assert same(report, case._replace(ledger=stranger).script(script, crypto=False))


def test_a_line_in_the_trusted_keys_name_ends_it_in_both(
    script: BrowserScript, small: Small
) -> None:
    case = small.case
    (name,) = (name for name in case.files if "/checkpoints/" in name)
    note = Note.parse(case.files[name])
    (line,) = note.signatures
    bogus = SignatureLine(line.name, line.key_id, bytes(64))
    for lines in ([bogus] * 100, [bogus, line]):
        files = {**case.files, name: Note(note.text, tuple(lines)).format()}
        report = case.python(files)
        assert ("checkpoint_signature", name) in {(one.code, one.file) for one in report.findings}
        assert all(one.step in (2, 4) for one in report.findings), "nothing else is looked into"
        assert same(report, case.script(script, files))
        assert same(report, case.script(script, files, crypto=False))


@pytest.mark.parametrize("name", [OPENINGS, PLACES, EVENTS])
@pytest.mark.parametrize("opening", ["[]", "{}"])
def test_a_file_of_very_many_values_is_refused_in_both(
    script: BrowserScript, small: Small, name: str, opening: str
) -> None:
    case = small.case
    crowd = ("[" + (opening + ",") * MAX_NESTED + opening + "]\n").encode()
    for data in (crowd, b"\n" * 300_000, b"x" + case.files[name][:-1]):
        files = {**case.files, name: data}
        report = case.python(files)
        assert report.verdict == "invalid"
        assert same(report, case.script(script, files))
