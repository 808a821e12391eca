"""The attacks of the tamper gallery, done to a real ledger; `docs/gallery.py` writes what is said.

The ledger is that of `tests.ledger.tampering`, with its contents in the vault and one act more. An
outsider holds its verifier key and a checkpoint (`kept.vkey`, `kept.note`); `older` is a copy made
before that. What differs from run to run is masked: digests, ids, key ids, roots and times.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from click.testing import CliRunner

from ledger.cli import muniment
from ledger.effects.vaulting import put
from ledger.privatekey import generate
from ledger.signing import Cosigner, commit_note, sign_all
from ledger.slots import ERASED, HEADER_BYTES, SLOT_BYTES, WRITTEN
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import Frontier, leaf_hash
from ledger.tlog.note import Note, SignatureLine
from tests.ledger.ledgers import ORIGIN, Firm, found_firm, small_act
from tests.ledger.tampering import act, hand_in, make_busy, value

KEPT: Final = ("kept.note", "kept.vkey")
MASKS: Final = (
    (re.compile(r"\b([a-z_]+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), r"\1-‹id›"),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,12}Z"), "‹time›"),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"), "‹time›"),
    (re.compile(r"[A-Za-z0-9+/]{43}="), "‹root›"),
    (re.compile(r"\b[0-9a-f]{32,}\b"), "‹digest›"),
    (re.compile(r"\b(?=[0-9a-f]*[a-f])[0-9a-f]{8}\b"), "‹key id›"),
    (re.compile(r"(?<=: )[0-9]{8}\b|(?<=\uff1a)[0-9]{8}\b"), "‹key id›"),  # one in forty
    # Which rows an index loses with one byte depends on the ids beside it.
    (re.compile(r"(database_damaged[^\n]*\n[^\n]*?[:\uff1a] ?)"
                r"(?:row [0-9]+ missing from|non-unique entry in) (index \w+\n)"
                r"(?:database_damaged[^\n]*\n[^\n]*\2)*"),
     r"\1row ‹number› missing from \2"),
    (re.compile(r"(database_damaged[^\n]*\n[^\n]*?[:\uff1a] ?)(索引 \w+) ?"
                r"(?:缺少第 [0-9]+ 行|中有重复项)\n"
                r"(?:database_damaged[^\n]*\n[^\n]*\2[^\n]*\n)*"),
     r"\1\2 缺少第 ‹数› 行\n"),
)  # fmt: skip
"""What differs from run to run, and what stands there instead."""


class Scene(NamedTuple):
    """A ledger to attack: everything lies in one folder."""

    home: Path
    firm: Firm

    @property
    def database(self) -> Path:
        return self.firm.path / "ledger.db"

    def run(self, command: str, language: str) -> str:
        """What a command says, masked; `doctor` only what it finds wrong."""
        words = command.split()[1:]
        words = [str(self.home / word) if word in KEPT else word for word in words]
        result = CliRunner().invoke(muniment, words, env={
            "MUNIMENT_LEDGER": str(self.firm.path), "MUNIMENT_LANG": language,
            "MUNIMENT_PASSPHRASE_FILE": str(self.home / "passphrase"), "NO_COLOR": "1",
            "XDG_STATE_HOME": str(self.home / "state"), "COLUMNS": "100",
        })  # fmt: skip
        text = masked(result.stdout + result.stderr)
        if words[0] == "doctor":
            lines = text.splitlines()
            text = "\n".join(
                line for number, line in enumerate(lines)
                if line.startswith("✗") or (number and line.startswith(" ")
                                            and lines[number - 1].startswith("✗"))
            )  # fmt: skip
        return f"{text.rstrip()}\n(exit code {result.exit_code})"


def masked(text: str) -> str:
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return text


def stage(home: Path) -> Scene:
    """The ledger that is attacked, an older copy of it, and what the outsider keeps."""
    os.environ["XDG_STATE_HOME"] = str(home / "state")
    firm = found_firm(home / "ledger")
    make_busy(firm, home / "files")
    shutil.copytree(firm.path, home / "older")
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        put(ledger, admin, None)
        (home / "kept.note").write_bytes(ledger.sign_checkpoint())
        ledger.act(admin, [small_act(3)])
    shutil.copy(firm.path / "trust" / "ledger.vkey", home / "kept.vkey")
    (home / "passphrase").write_bytes(b"correct horse\n")
    return Scene(home, firm)


def stage_tiled(home: Path) -> Scene:
    """A ledger with a full tile."""
    os.environ["XDG_STATE_HOME"] = str(home / "state")
    firm = found_firm(home / "ledger")
    act(firm, 260)
    (home / "passphrase").write_bytes(b"correct horse\n")
    return Scene(home, firm)


def copied(scene: Scene, home: Path) -> Scene:
    """A scene of its own for one attack."""
    shutil.copytree(scene.home, home)
    return Scene(home, scene.firm._replace(path=home / "ledger"))


# -- attacks that take more than SQL ------------------------------------------------------------


def rewound_tail(scene: Scene) -> None:
    """The last entries deleted, and everything derived made to fit."""
    with hand_in(scene.database) as connection:
        connection.execute("DELETE FROM commits WHERE entry >= 5")
        for table in ("events", "sealed"):
            connection.execute(f"DELETE FROM {table} WHERE position >= 26")
        connection.execute("DELETE FROM checkpoints WHERE size > 5")
        connection.execute("UPDATE signers SET entry = 4")
        connection.execute("UPDATE signers SET entry = 3 WHERE holder = (SELECT stream FROM events "
                           "WHERE position = 12)")  # fmt: skip
    _refit_head(scene.database)


def _refit_head(database: Path) -> None:
    with hand_in(database) as connection:
        rows = connection.execute('SELECT data, "count" FROM commits ORDER BY entry').fetchall()
        frontier = Frontier()
        frontier.extend([leaf_hash(data) for data, _ in rows])
        connection.execute(
            "UPDATE head SET entries = ?, events = ?, root = ?, edge = ?, accepted = ?",
            (len(rows), sum(count for _, count in rows), frontier.root(), frontier.to_bytes(),
             Entry.parse(rows[-1][0]).accepted),
        )  # fmt: skip


def older_folder(scene: Scene) -> None:
    """The whole folder as it was some acts ago."""
    shutil.rmtree(scene.firm.path)
    shutil.copytree(scene.home / "older", scene.firm.path)


def forgotten_pins(scene: Scene) -> None:
    """What this machine remembers of ledgers, removed as well."""
    shutil.rmtree(scene.home / "state")


def forged_commit(scene: Scene) -> None:
    """A whole new entry, signed with a key of the forger's own under the founder's name."""
    with closing(sqlite3.connect(scene.database)) as connection:
        size, root, accepted = connection.execute(
            "SELECT entries, root, accepted FROM head"
        ).fetchone()
        last = value(connection, "SELECT max(position) FROM events")
        state = value(connection, "SELECT state FROM events WHERE position = ?", last)
    forged = state.replace(b'"version":1', b'"version":2')
    key = generate("ed25519", "act", f"{ORIGIN}/a/{scene.firm.founded.actor}")
    note = commit_note(ORIGIN, [forged], (size, root),
                       [Cosigner(key.name, key.verifier.key_id, "administrator")])  # fmt: skip
    data = Entry(accepted, sign_all(note, [key])).format()
    with hand_in(scene.database) as connection:
        connection.execute(
            "INSERT INTO events SELECT ?, stream, 2, topic, ?, ? FROM events WHERE position = ?",
            (last + 1, size, forged, last),
        )
        connection.execute("INSERT INTO commits VALUES (?, ?, 1, ?, ?, x'')",
                           (size, last + 1, bytes.fromhex(note.commit_id), data))  # fmt: skip
    _refit_head(scene.database)


def relabelled_signer(scene: Scene) -> None:
    """The review's signer exchanged for the founder, in the text and in the signature line."""
    with hand_in(scene.database) as connection:
        data = value(connection, "SELECT data FROM commits WHERE entry = 3")
        other = value(connection, "SELECT data FROM commits WHERE entry = 4")
        entry, theirs = Entry.parse(data), Entry.parse(other).commit.note.signers[0]
        mine, line = entry.commit.note.signers[0], entry.commit.signatures[0]
        text = data[: data.index(b"\n\n") + 2].replace(mine.name.encode(), theirs.name.encode())
        text = text.replace(mine.key_id.hex().encode(), theirs.key_id.hex().encode())
        forged = text + SignatureLine(theirs.name, theirs.key_id, line.signature).format().encode()
        connection.execute("UPDATE commits SET data = ? WHERE entry = 3", (forged,))


def strangers_checkpoint(scene: Scene) -> None:
    """The newest checkpoint replaced by one over the same state, signed with another key."""
    with hand_in(scene.database) as connection:
        number, note = connection.execute(
            "SELECT id, note FROM checkpoints ORDER BY id DESC LIMIT 1"
        ).fetchone()
        checkpoint = Checkpoint.parse(Note.parse(note).text)
        key = generate("ed25519", "checkpoint", checkpoint.origin)
        forged = Note(checkpoint.format(), (sign_checkpoint(checkpoint, key),)).format()
        connection.execute("UPDATE checkpoints SET note = ? WHERE id = ?", (forged, number))


def changed_object(scene: Scene) -> None:
    """One bit of one encrypted content."""
    first = min(p for p in (scene.firm.path / "vault").glob("??/*") if p.is_file())
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(data)


def zeroed_slot(scene: Scene) -> None:
    """The wrapped key of the last slot overwritten, as erasing does, without an event."""
    slots = scene.firm.path / "keystore" / "slots"
    data = bytearray(slots.read_bytes())
    start = HEADER_BYTES + (len(data) - HEADER_BYTES) // SLOT_BYTES * SLOT_BYTES - SLOT_BYTES
    data[start + WRITTEN.start : start + WRITTEN.stop] = ERASED
    slots.write_bytes(data)


def lost_log(scene: Scene) -> None:
    """An act that is in the write-ahead log only; then the machine stops and the log is removed."""
    stopped = scene.home / "stopped"
    with scene.firm.open() as ledger:
        ledger.act(ledger.acting(scene.firm.second), [small_act(9)])
        (scene.home / "kept.note").write_bytes(ledger.sign_checkpoint())
        shutil.copytree(scene.firm.path, stopped)
    shutil.rmtree(scene.firm.path)
    stopped.rename(scene.firm.path)
    (scene.firm.path / "ledger.db-wal").unlink()
    (scene.firm.path / "ledger.db-shm").unlink()


def hidden_from_index(scene: Scene) -> None:
    """One byte of the index over streams, so that an event is not found by its stream any more."""
    with closing(sqlite3.connect(scene.database)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        page = value(connection, "SELECT rootpage FROM sqlite_master "
                     "WHERE name = 'sqlite_autoindex_events_1'")  # fmt: skip
        size = value(connection, "PRAGMA page_size")
        stream = value(connection, "SELECT stream FROM events WHERE position = 18")
    raw = bytearray(scene.database.read_bytes())
    raw[raw.index(stream, (page - 1) * size) + 15] ^= 1
    scene.database.write_bytes(raw)


def rewritten_history(scene: Scene) -> None:
    """Another ledger under the same origin, made with keys of the administrator's own."""
    other = found_firm(scene.home / "other")
    with other.open() as ledger:
        ledger.act(ledger.acting(other.founded.actor), [small_act(1)])
        ledger.sign_checkpoint()
    shutil.rmtree(scene.firm.path)
    other.path.rename(scene.firm.path)


ATTACKS: Final[dict[str, Callable[[Scene], None]]] = {
    one.__name__: one
    for one in (
        rewound_tail, older_folder, forgotten_pins, forged_commit, relabelled_signer,
        strangers_checkpoint, changed_object, zeroed_slot, lost_log, hidden_from_index,
        rewritten_history,
    )
}  # fmt: skip
