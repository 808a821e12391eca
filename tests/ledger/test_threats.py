"""Attacks that the threat model names and that no other test tries: a thief, a broken algorithm."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from ledger.errors import KeyAccessError, ProofError
from ledger.folder import Folder
from ledger.keyfile import open_key
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.merkle import verify_consistency
from ledger.tree import StoredTree
from ledger.verification.database import StoredSource, connect
from ledger.verify import verify
from tests.ledger.crews import (  # noqa: F401  fixtures are found by their names
    Site,
    crew_fixture,
    crew_template_fixture,
    site_fixture,
)
from tests.ledger.ledgers import Firm, passphrase
from tests.ledger.replicas import Fork, acted

TEXTS = ("客户王小明", "合同0.txt", "某人", "李审核", "洁净保洁")


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- the thief of the laptop --------------------------------------------------------------------


def test_a_stolen_folder_shows_no_name_title_content_or_key(site: Site, tmp_path: Path) -> None:
    """Every file of the folder, names of files too: no text in clear, no key that opens one."""
    source = tmp_path / "given"
    records = site.ripe_in_vault(source, 2)
    keystore = site.ledger.keystore
    secrets = []
    for record in records:
        for _, _, event, _ in site.ledger.events_of(record):
            if event.sealed:
                secrets.append(keystore.key(event.sealed.key))
    folder = site.crew.firm.path
    site.ledger.close()
    assert secrets
    found = files(folder)
    assert any("vault" in str(path) for path in found)
    for path, data in found.items():
        for text in TEXTS:
            for spelled in (text.encode(), text.encode("gb18030"), text.encode("utf-16-le")):
                if len(spelled) < 6:  # so few bytes stand by chance in ciphertext
                    continue
                assert spelled not in data, (path.name, text)
                assert spelled not in os.fsencode(path.relative_to(folder))
        for secret in secrets:
            assert bytes(secret) not in data, path.name
            assert bytes(secret).hex().encode() not in data, path.name


def test_a_thief_signs_nothing_and_opens_nothing_with_a_guess(firm: Firm) -> None:
    """Every key file asks for its passphrase; the folder tells no key from another by its guess."""
    keys = sorted((firm.path / "identity").glob("*.key"))
    assert len(keys) >= 3
    for key in keys:
        uri = f"file:{key.name}"
        assert open_key(uri, passphrase(""), key.parent).public
        for guess in (b"correct hors", b"correct horse ", b"\x00"):
            with pytest.raises(KeyAccessError):
                open_key(uri, guess, key.parent)


# -- whoever breaks the signatures later --------------------------------------------------------


def test_whoever_has_every_private_key_does_not_change_what_others_have_seen(
    firm: Firm, tmp_path: Path
) -> None:
    """A later computer that signs as anybody: hashes hold what a pin, a witness or a stamp knows.

    The fork is signed with the genuine keys of everybody, and verifies by itself; whoever kept a
    state from before is told, and no consistency proof leads from that state to the fork.
    """
    fork = Fork(firm, tmp_path)
    acted(firm, 2)
    fork.acted(4)
    with firm.open(writing=False) as ledger:
        size, root = ledger.seen()
        kept = Checkpoint(ledger.origin, size, root)
    trust = Folder(firm.path).pinned_key()
    reports = []
    for pins in ([], [kept]):
        with closing(connect(fork.firm.path / "ledger.db")) as connection:
            reports.append(verify(StoredSource(connection), trust, pins=pins))
    alone, report = reports
    assert alone.verdict == "valid", "by itself a history under stolen keys is a history"
    assert report.verdict == "invalid"
    assert [finding.code for finding in report.findings] == ["forked"]
    with fork.firm.open(writing=False) as ledger, ledger.engine.connect() as connection:
        tree = StoredTree(connection)
        newer = tree.head.entries
        proof = tree.consistency(size, newer)
        with pytest.raises(ProofError):
            verify_consistency(size, newer, root, tree.head.root, proof)
