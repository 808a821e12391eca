"""Opening a new ledger: keys, keystore, database, and entry 0 with everything it leans on.

The parts are made in a temporary folder beside their final places and moved there last, the
marker file at the very end: a founding that fails leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from domain.actor import ActorKeyEnrolled, ActorRegistered, RoleGranted
from domain.engagement import EngagementOpened
from domain.ledger import Former, LedgerInitialized, PolicyAdopted
from domain.party import PartyRegistered
from domain.policy import PolicyError, parse_policy
from domain.values import Event, Key
from ledger import VERSION
from ledger.acting import Passphrases
from ledger.application import Ledger
from ledger.clock import SystemClock
from ledger.errors import MunimentError, NoteError, UsageError
from ledger.evidence import b64url, key_id_of, possession_message
from ledger.folder import (
    MARKER,
    Folder,
    key_file_name,
    sync_folder,
    write_atomically,
)
from ledger.keyfile import STANDARD_COST, Argon2Cost, write_key
from ledger.keystore import Keystore
from ledger.migrations import upgrade
from ledger.privatekey import PrivateKey, generate
from ledger.rebuild import make_tables
from ledger.recorder import CustodyRecorder, Submission
from ledger.schema import HEAD, engine_for, transaction
from ledger.signing import (
    Cosigner,
    commit_note,
    encode_all,
    new_ids,
    new_salts,
    now,
    seal_fields,
    sign_all,
)
from ledger.tlog.checkpoint import check_origin
from ledger.tlog.merkle import EMPTY_ROOT
from ledger.tlog.note import ED25519, VerifierKey
from ledger.tree import START

FIRST_ROLES = ("administrator", "collector", "custodian", "archivist")
"""What the first actor may do. Nobody reviews what they collected: `reviewer` is not among it."""

_PARTS = ("keystore", "identity", "trust", "ledger.db")


class Founding(NamedTuple):
    """What a new ledger is called and who opens it.

    `function` and `position` describe the first actor; `jurisdiction` is a code of the
    enumeration; `former`: the ledger that this one continues.
    """

    origin: str
    party: str
    actor: str
    party_kind: str = "company"
    function: str = "management"
    position: str = ""
    identifier: str = ""
    jurisdiction: str = "cn"
    former: Former | None = None


class Founded(NamedTuple):
    """The ids of a new ledger."""

    ledger: str
    party: str
    actor: str
    engagement: str
    vkey: str


def default_pack() -> bytes:
    """The bytes of the policy pack that ships with this version."""
    pack = resources.files("domain") / "policies" / "cn-default-2026.toml"
    return pack.read_bytes()


def found_ledger(
    path: Path,
    founding: Founding,
    passphrases: Passphrases,
    *,
    kdf: Argon2Cost = STANDARD_COST,
    pack: bytes | None = None,
) -> Founded:
    """Make a new ledger in `path` (created if need be) and sign its first checkpoint.

    Raises `UsageError` for a malformed origin or pack, `MunimentError` when there is a ledger or
    a part of one already, or when the disk does not take it; then nothing was changed.
    """
    pack = pack or default_pack()
    try:
        check_origin(founding.origin)
        parse_policy(pack)
    except (NoteError, PolicyError) as error:
        raise UsageError("{cause}; nothing was changed", cause=str(error)) from None
    _refuse_existing(path)
    missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    workshop = Folder(path / f".muniment-init-{os.getpid()}")
    moved: list[str] = []
    try:
        workshop.path.mkdir(mode=0o700, parents=True)
        if missing:
            path.chmod(0o700)
        founded = _build(workshop, founding, passphrases, kdf, pack)
        workshop.write_settings(founding.origin)
        with Ledger(workshop, passphrases, writing=True) as ledger:
            ledger.sign_checkpoint()
        _move(workshop.path, path, moved)
    except BaseException as error:
        _undo(path, (workshop.path.name, *moved), missing)
        if isinstance(error, OSError):
            msg = "the ledger cannot be made in {path} ({cause}); nothing was changed"
            raise MunimentError(msg, path=path, cause=error.strerror) from None
        raise
    shutil.rmtree(workshop.path, ignore_errors=True)
    return founded


def _move(workshop: Path, path: Path, moved: list[str]) -> None:
    """Give the finished parts their places, the marker last.

    The first part is a folder: of two foundings at once, the later fails on it and moves nothing.
    """
    if (workshop / "ledger.db-wal").exists():
        raise MunimentError("the new database could not be completed; nothing was changed")
    for part in (*_PARTS, MARKER):
        (workshop / part).rename(path / part)
        moved.append(part)
    sync_folder(path)


def _undo(path: Path, parts: Sequence[str], folders: Sequence[Path]) -> None:
    """Take away what this founding has made, and nothing else."""
    for target in (path / part for part in parts):
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        else:
            with suppress(OSError):
                target.unlink()
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _refuse_existing(path: Path) -> None:
    if path.exists() and not path.is_dir():
        msg = "{path} is not a folder; nothing was changed"
        raise UsageError(msg, path=path)
    for name in (MARKER, *_PARTS):
        if os.path.lexists(path / name):
            msg = "there is a ledger, or a part of one, in {path} ({name}); nothing was changed"
            raise MunimentError(msg, "choose another folder", path=path, name=name)


class _Keys(NamedTuple):
    act: PrivateKey
    seal: PrivateKey
    checkpoint: PrivateKey
    ledger_seal: PrivateKey


def _build(
    folder: Folder, founding: Founding, passphrases: Passphrases, kdf: Argon2Cost, pack: bytes
) -> Founded:
    names = ("ledger", "party", "actor", "engagement", "policy")
    ids = {name: new_ids(name)[0] for name in names}
    actor_name = f"{founding.origin}/a/{ids['actor']}"
    keys = _Keys(
        generate("ed25519", "act", actor_name),
        generate("p256", "seal", actor_name),
        generate("ed25519", "checkpoint", founding.origin),
        generate("p256", "seal", founding.origin),
    )
    folder.identity.mkdir(mode=0o700)
    folder.trust.mkdir(mode=0o700)
    secret, ledger_secret = passphrases(ids["actor"]), passphrases("ledger")
    for key, holder, passphrase in (
        (keys.act, ids["actor"], secret),
        (keys.seal, ids["actor"], secret),
        (keys.checkpoint, ids["ledger"], ledger_secret),
        (keys.ledger_seal, ids["ledger"], ledger_secret),
    ):
        name = key_file_name(holder, key.purpose, key_id_of(key.kind, key.name, key.public))
        write_key(folder.identity / name, key, passphrase, kdf)
    vkey = VerifierKey.of(founding.origin, ED25519, keys.checkpoint.public).format()
    write_atomically(folder.trust / "ledger.vkey", f"{vkey}\n".encode("ascii"))
    with Keystore.create(folder.keystore, ledger_secret, kdf) as keystore:
        submission = _entry_zero(founding, ids, keys, keystore, pack)
    _record(folder, submission)
    return Founded(ids["ledger"], ids["party"], ids["actor"], ids["engagement"], vkey)


def enrolment(key: PrivateKey, seen: tuple[int, bytes]) -> Key:
    """A public key as an event enrols it; kinds that sign no notes prove possession in it."""
    key_id = key_id_of(key.kind, key.name, key.public)
    fields: dict[str, Any] = {
        "name": key.name,
        "id": key_id,
        "kind": key.kind,
        "purpose": key.purpose,
        "public": b64url(key.public),
    }
    if key.kind != "ed25519":
        fields["proof"] = b64url(key.sign(possession_message(Key(**fields), *seen)))
    return Key(**fields)


def _entry_zero(
    founding: Founding, ids: dict[str, str], keys: _Keys, keystore: Keystore, pack: bytes
) -> Submission:
    seen = (0, EMPTY_ROOT)
    policy = parse_policy(pack)
    moment = now()
    party_key, actor_key, engagement_key = keystore.new_keys(3)
    origin = founding.origin
    party_sealed = seal_fields(
        origin, f"{ids['party']}/1", _texts(name=founding.party, identifier=founding.identifier),
        *party_key,
    )  # fmt: skip
    actor_sealed = seal_fields(
        origin, f"{ids['actor']}/1", _texts(name=founding.actor, position=founding.position),
        *actor_key,
    )  # fmt: skip
    engagement_sealed = seal_fields(
        origin, f"{ids['engagement']}/1", {"title": "日常保管 routine custody"}, *engagement_key
    )
    enrol = {"kind": ActorKeyEnrolled, "continuity": "first"}
    plan: list[tuple[str, dict[str, Any]]] = [
        ("ledger", {
            "kind": LedgerInitialized, "origin": origin, "owner": ids["party"],
            "jurisdiction": founding.jurisdiction, "software": VERSION,
            "nonce": b64url(os.urandom(32)), "checkpoint_key": enrolment(keys.checkpoint, seen),
            "seal_key": enrolment(keys.ledger_seal, seen),
            **({"former": founding.former} if founding.former else {}),
        }),
        ("party", {
            "kind": PartyRegistered, "party_kind": founding.party_kind, "party_role": "custodian",
            "jurisdiction": founding.jurisdiction, "sealed": party_sealed[0],
        }),
        ("actor", {
            "kind": ActorRegistered, "party": ids["party"], "function": founding.function,
            "sealed": actor_sealed[0],
        }),
        ("actor", {**enrol, "key": enrolment(keys.act, seen)}),
        ("actor", {**enrol, "key": enrolment(keys.seal, seen)}),
        *(("actor", {"kind": RoleGranted, "granted": role}) for role in FIRST_ROLES),
        ("policy", {
            "kind": PolicyAdopted, "pack": policy.header.id,
            "pack_version": policy.header.version, "digest": policy.digest,
            "effective_from": policy.header.effective_from.isoformat(),
        }),
        ("engagement", {
            "kind": EngagementOpened, "engagement_kind": "routine", "sealed": engagement_sealed[0],
        }),
    ]  # fmt: skip
    events = _with_envelopes(plan, ids, moment)
    sealed = (party_sealed[1], actor_sealed[1], engagement_sealed[1])
    ciphertexts = dict(zip((1, 2, len(events) - 1), sealed, strict=True))
    return _sign(origin, events, keys, ciphertexts, pack)


def _texts(**texts: str) -> dict[str, str]:
    return {path: text for path, text in texts.items() if text}


def _with_envelopes(
    plan: Sequence[tuple[str, dict[str, Any]]], ids: dict[str, str], moment: str
) -> list[Event]:
    versions: dict[str, int] = {}
    events: list[Event] = []
    for (aggregate, fields), salt in zip(plan, new_salts(len(plan)), strict=True):
        kind = fields.pop("kind")
        for alias in ("party_kind", "engagement_kind"):
            if alias in fields:
                fields["kind"] = fields.pop(alias)
        versions[aggregate] = versions.get(aggregate, 0) + 1
        events.append(
            kind(
                stream=ids[aggregate],
                version=versions[aggregate],
                at=moment,
                by=ids["actor"],
                role="administrator",
                engagement=ids["engagement"],
                salt=salt,
                **fields,
            )
        )
    return events


def _sign(
    origin: str,
    events: Sequence[Event],
    keys: _Keys,
    ciphertexts: dict[int, bytes],
    pack: bytes,
) -> Submission:
    def line(key: PrivateKey, capacity: str) -> Cosigner:
        key_id = bytes.fromhex(key_id_of(key.kind, key.name, key.public))
        return Cosigner(key.name, key_id, capacity)

    states = encode_all(events)
    note = commit_note(
        origin,
        states,
        (0, EMPTY_ROOT),
        [line(keys.act, "administrator"), line(keys.checkpoint, "possession")],
    )
    signed = sign_all(note, [keys.act, keys.checkpoint])
    return Submission(signed, states, ciphertexts, packs=[pack])


def _record(folder: Folder, submission: Submission) -> None:
    engine = engine_for(folder.database)
    try:
        with engine.connect() as connection, transaction(connection):
            upgrade(connection)
            make_tables(connection)
            connection.execute(
                sa.insert(HEAD).values(
                    id=1, entries=0, events=0, root=START.root, edge=b"", accepted=START.accepted
                )
            )
        recorder = CustodyRecorder(engine, SystemClock())
        recorder.record(submission)
        recorder.close()
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()
