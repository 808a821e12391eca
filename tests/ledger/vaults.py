"""Files of a firm, collected into its vault, and what is looked up in it."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger.acting import Acting
from ledger.application import Ledger
from ledger.collecting import Collected, Outcome, Terms, collect
from ledger.effects import vaulting
from ledger.effects.places import place_of, plain
from ledger.vault import Vault

KEY = bytes(range(32))
SECRET = "保洁合同：每周三次，门钥匙在三号柜".encode()
TABLE = "编号,姓名\n1,张三\n2,李四\n3,王五\n"


@pytest.fixture(name="folder")
def folder_fixture(tmp_path: Path) -> Path:
    """Where the firm's files are."""
    made = tmp_path / "吴家大院店"
    made.mkdir()
    return made


def store(vault: Vault, *contents: bytes) -> list[str]:
    staged = [vault.stage(io.BytesIO(one), KEY) for one in contents]
    vault.keep(staged)
    return [one.made.object for one in staged]


def taking_in(
    ledger: Ledger, acting: Acting, *paths: Path, vault: str | None = "ssd", **terms: Any
) -> list[Outcome]:
    about = Terms("contract", "pipl_13_2_contract", "店主", ledger.routine(), vault=vault, **terms)
    return list(collect(ledger, acting, paths, about))


def records_in(outcomes: Sequence[Outcome]) -> list[str]:
    return [one.record for one in outcomes if isinstance(one, Collected)]


def copies(ledger: Ledger) -> list[vaulting.Object]:
    with ledger.engine.connect() as connection:
        return list(vaulting.encrypted_copies(connection))


def objects(ledger: Ledger) -> list[str]:
    return [found.object for found in Vault(ledger.folder.path).objects()]


def opened(ledger: Ledger, holding: str) -> bytes:
    return b"".join(plain(ledger, place_of(ledger, holding)))


def everything_under(path: Path) -> bytes:
    """Every byte of every file, and every name."""
    found = [os.fsencode(str(p.relative_to(path))) for p in path.rglob("*")]
    return b"\n".join([*found, *(p.read_bytes() for p in path.rglob("*") if p.is_file())])
