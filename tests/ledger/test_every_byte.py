"""Every byte of every file of a small ledger's folder: flipped, it is named, or changes nothing."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from domain.values import Event
from ledger.doctor import examine
from ledger.effects.vaulting import check, put
from ledger.errors import MunimentError
from ledger.evidence import decode_event
from ledger.folder import Folder
from ledger.inspection import inspect
from tests.ledger.desk import Desk
from tests.ledger.flipping import (
    EVERY,
    Small,
    flip,
    flip_each,
    look,
    made_small,
    shard,
    spoil_unused,
)
from tests.ledger.ledgers import Firm
from tests.ledger.tampering import flipped

QUESTIONS = (
    ("verify",), ("inventory",), ("actor", "list"), ("party", "list"), ("holding", "list"),
    ("rebuild", "--check"),
)  # fmt: skip


@pytest.fixture(scope="session")
def small_template(busy_template: Firm, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The busy firm, with one of its contracts in the vault."""
    home = tmp_path_factory.mktemp("small")
    shutil.copytree(busy_template.path, home / "ledger")
    firm = busy_template._replace(path=home / "ledger")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        with firm.open() as ledger:
            put(ledger, ledger.acting(firm.founded.actor), None)
            ledger.sign_checkpoint()
    return made_small(firm)


@pytest.fixture
def small(small_template: Small, tmp_path: Path, state_home: Path) -> Small:
    path = tmp_path / "small"
    shutil.copytree(small_template.firm.path, path)
    return small_template._replace(firm=small_template.firm._replace(path=path))


def test_the_small_ledger_is_whole(small: Small) -> None:
    assert inspect(Folder(small.firm.path)).verdict == "valid"
    assert look(small.raw) == small.rows


def test_what_is_unused_can_be_anything(small: Small) -> None:
    assert spoil_unused(small)


def test_some_bytes_of_the_file(small: Small) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    counts = flip_each(small, random.Random(seed).sample(range(len(small.raw)), 120), seed)
    assert not [said for said in counts if said.startswith("missed")], counts


@pytest.mark.slow
def test_every_byte_of_the_file(small: Small) -> None:
    """Some hours in all; with MUNIMENT_SHARD=0/8 an eighth of it."""
    seed = random.randrange(1 << 32)
    which, many = shard()
    counts = flip_each(small, range(which, len(small.raw), many), seed)
    print(f"seed {seed}, shard {which}/{many} of {len(small.raw)} bytes: {dict(counts)}")
    assert not [said for said in counts if said.startswith("missed")], counts


def test_what_looks_the_same_answers_the_same(small: Small, tmp_path: Path) -> None:
    """The answers of commands, for some of the bytes that change no row."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    desk = Desk(small.firm, tmp_path)
    before = [desk.run(*question, "--json").stdout for question in QUESTIONS]
    chance, seen = random.Random(seed), 0
    while seen < 2:
        raw = flip(small, chance.randrange(100, len(small.raw)), chance)
        if look(raw) != small.rows:
            continue
        small.database.write_bytes(raw)
        assert [desk.run(*question, "--json").stdout for question in QUESTIONS] == before
        seen += 1


# -- the other files -----------------------------------------------------------------------------


def other_files(small: Small) -> list[Path]:
    """All files of the folder but the database and the lock, which holds nothing."""
    root = small.firm.path
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path for path in found if path.name not in ("ledger.db", "ledger.lock"))


class Told(NamedTuple):
    """What a folder answers: what is wrong with it, by whoever looks, and what can be read."""

    wrong: list[str]
    read: list[str]


def told(small: Small, *, verified: bool = True) -> Told:
    """Verified, examined, its vault checked; all its keys opened and all its texts."""
    folder = Folder(small.firm.path)
    wrong, read = list[str](), list[str]()
    with noting(wrong):
        if not verified:
            raise MunimentError("not asked")
        report = inspect(folder)
        wrong += [report.verdict, *map(str, report.findings)]
        read.append(str(report.checkpoint))
    with noting(wrong):
        wrong += [f"{c.code} {c.state} {c.values}" for c in examine(folder) if c.state != "ok"]
    with noting(wrong), small.firm.open(writing=False) as ledger:
        for name in sorted(path.name for path in folder.identity.iterdir()):
            with noting(wrong):
                holder, purpose, identity, _ = name.split(".")
                read.append(ledger.private_key(holder, purpose, identity).verifier.format())
        for position, event in texts(small):
            with noting(wrong):
                read.append(str(ledger.unseal(position, event)))
        with noting(wrong):
            wrong += map(str, check(ledger, read_data=True).failed)
    return Told(wrong, read)


@contextmanager
def noting(wrong: list[str]) -> Iterator[None]:
    try:
        yield
    except MunimentError as error:
        wrong.append(f"{type(error).__name__}: {error.message}")


def texts(small: Small) -> Iterator[tuple[int, Event]]:
    for position, *_, state in small.rows["events"]:
        event = decode_event(bytes(state))  # type: ignore[call-overload]
        if event.sealed:
            yield int(position), event  # type: ignore[call-overload]


def flip_files(small: Small, chosen: Sequence[tuple[Path, int]], seed: int) -> Counter[str]:
    """Flip a bit of each of these bytes of other files; how many came to what."""
    counts: Counter[str] = Counter()
    wholes = {verified: told(small, verified=verified) for verified in (True, False)}
    assert wholes[True] == told(small), "the same folder answers the same"
    for number, (name, at) in enumerate(chosen):
        # Verification reads no key, no content: there it is asked at times only.
        verified = name.parts[0] not in ("identity", "keystore", "vault") or number % EVERY == 0
        whole = wholes[verified]
        path = small.firm.path / name
        before = path.read_bytes()
        bit = 1 << random.Random(f"{seed}/{name}/{at}").randrange(8)
        path.write_bytes(flipped(before, at, bit))
        try:
            now = told(small, verified=verified)
        finally:
            path.write_bytes(before)
        if now.wrong != whole.wrong:
            counts["damage"] += 1
        elif now == whole:
            counts["identical"] += 1
        else:
            counts[f"missed: {name.parts[0]}"] += 1
            print("missed", name, "byte", at, "bit", bit, "seed", seed)
    return counts


def bytes_of_other_files(small: Small) -> list[tuple[Path, int]]:
    sizes = ((name, (small.firm.path / name).stat().st_size) for name in other_files(small))
    return [(name, at) for name, size in sizes for at in range(size)]


def test_some_bytes_of_the_other_files(small: Small) -> None:
    """One of each file, and some more."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    everything = bytes_of_other_files(small)
    of_each = {name: (name, at) for name, at in chance.sample(everything, len(everything))}
    counts = flip_files(small, list(of_each.values()), seed)
    assert not [said for said in counts if said.startswith("missed")], counts


@pytest.mark.slow
def test_every_byte_of_the_other_files(small: Small) -> None:
    seed = random.randrange(1 << 32)
    which, many = shard()
    everything = bytes_of_other_files(small)[which::many]
    counts = flip_files(small, everything, seed)
    print(f"seed {seed}, shard {which}/{many}, {len(everything)} bytes: {dict(counts)}")
    assert not [said for said in counts if said.startswith("missed")], counts


def test_a_key_that_nobody_can_find_any_more_is_named(small: Small) -> None:
    """One byte of a slot's id: the key is there, and is looked for in vain."""
    slots = small.firm.path / "keystore" / "slots"
    slots.write_bytes(flipped(slots.read_bytes(), 34, 16))
    (named,) = [c for c in examine(Folder(small.firm.path)) if c.code == "keys"]
    assert (named.state, named.values) == ("failed", {"keys": 1})


def test_a_table_that_lost_an_index_is_named(small: Small) -> None:
    with closing(sqlite3.connect(small.database)) as connection:
        connection.execute("DROP INDEX shredded_by")
    assert reshaped(small) == [
        "table shredded_keys has other columns or indexes than Muniment makes"
    ]


def test_a_column_of_another_kind_is_named(small: Small) -> None:
    with closing(sqlite3.connect(small.database)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'VARCHAR(32)', 'TEXT') "
                           "WHERE name = 'alembic_version'")  # fmt: skip
        connection.commit()
    (named,) = reshaped(small)
    assert "alembic_version" in named


def reshaped(small: Small) -> list[str]:
    report = inspect(Folder(small.firm.path))
    assert report.verdict == "invalid"
    return [one.cause for one in report.findings if one.code == "schema_changed"]
