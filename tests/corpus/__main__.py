"""Write the corpus: `python -m tests.corpus [FOLDER]`.

Every attack is verified as it is made: it must get the verdict and the findings that its author
says. Then what the verifier said in full is what all of them are held to.
"""

from __future__ import annotations

import base64
import json
import lzma
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ledger.offline.bag import read_zip, write_zip
from ledger.offline.check import verify_path
from ledger.offline.report import Report
from ledger.offline.trust import parse_trust
from ledger.tlog import ed25519
from tests.corpus import VECTORS, Files, Known, change_of
from tests.corpus.attacks import VALID, Attack, Bench, readers, tampering
from tests.corpus.authority import Authority
from tests.corpus.containers import containers
from tests.corpus.forged import BASE, forged, keep
from tests.corpus.lies import lies
from tests.corpus.world import (
    AUDITOR,
    AUTHORITY,
    WITNESS,
    World,
    cosigner,
    exported,
    opened,
    reader,
    shown_of,
    sourced,
    span,
)
from tests.ledger.signers import signer

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202egnp.\u200bhtml"
SAYS = {
    "record": "A record: two fields opened, a file attached, one event withheld.",
    "destruction_case": "A destruction, from the proposal to the certificate.",
    "destroyed_record": "A record whose copy was destroyed.",
    "actor": "A person who acted.",
    "period": "Everything in twenty seconds.",
    "hostile_text": "A record whose source is named by markup that turns the text round.",
}


def good(world: World) -> dict[str, Files]:
    """The good bundles by name."""
    site = world.site
    shown = {"selection": shown_of(world, world.kept), "approver": site.person("zhao")}
    hostile, source = sourced(world, HOSTILE)
    told = {"selection": source, "approver": site.person("zhao")}
    return {
        "record": exported(world, "record", world.kept, **shown),
        "destruction_case": exported(world, "destruction_case", world.case),
        "destroyed_record": exported(world, "record", world.destroyed),
        "actor": exported(world, "actor", site.crew.people["luo"]),
        "period": exported(world, "period", span=span(world)),
        "hostile_text": exported(world, "record", hostile, **told),
    }


def trusts(world: World) -> dict[str, Known]:
    """The readers by name."""
    roots = (AUTHORITY.root_der,)
    origin = world.ledger.origin
    full = reader(world, WITNESS, AUDITOR, roots=roots)
    other = signer(origin, seed="another key").verifier.format()
    return {
        "reader": full,
        "nobody": reader(world),
        "witness": reader(world, WITNESS, roots=roots),
        "own_index": Known(world.vkey, (cosigner(AUDITOR).verifier.format(),), roots),
        "other_authority": reader(
            world, WITNESS, AUDITOR, roots=(Authority("else.example").root_der,)
        ),
        "another_key": full._replace(ledger=other),
        "another_ledger": full._replace(ledger=signer("another.example/ledger").verifier.format()),
    }


def made() -> tuple[dict[str, Files], dict[str, Known], list[Attack]]:
    """Good bundles, readers, attacks."""
    with opened("muniment corpus, another ledger") as world:
        other = exported(world, "record", world.kept)
    with opened() as world:
        bundles, known = good(world), trusts(world)
        bench = Bench(bundles, other, world.site.wang.key)
        attacks = list(_attacks(bench))
        keeper, ledger = keep(world.home, AUTHORITY)
        with ledger:
            attacks += forged(keeper)
    small, broken = keeper.template.case.vkey, next(a.broken for a in attacks if a.name == BASE)
    assert not isinstance(broken, bytes)
    known["small"] = Known(small, (), (AUTHORITY.root_der,))
    return {**bundles, BASE: broken}, known, attacks


def _attacks(bench: Bench) -> Iterator[Attack]:
    for name in bench.good:
        yield Attack(name, SAYS[name], name, bench.good[name], VALID)
    yield from readers(bench)
    yield from containers(bench)
    yield from tampering(bench)
    yield from lies(bench)


def packed(files: Files) -> bytes:
    """The zip of a bag that says its own name."""
    info = files["bag-info.txt"].decode().splitlines()[0]
    return write_zip(files, info.partition(": ")[2])


def report(data: bytes, known: Known, folder: Path) -> Report:
    """What is said of the bytes of a file."""
    path = folder / "bundle.zip"
    path.write_bytes(data)
    trust = parse_trust(known.ledger, known.cosigners, known.roots)
    return verify_path(path, trust, ed25519.verify)


def row(attack: Attack, found: Report) -> dict[str, Any]:
    """A line of cases.json. Raises if the attack was not found for what it is."""
    codes = sorted({one.code for one in found.findings})
    missed = set(attack.codes) - set(codes)
    if found.verdict != attack.verdict or missed:
        message = f"{attack.name}: {found.verdict}, {codes}; {attack.verdict} {attack.codes}"
        raise AssertionError(message)
    return {
        "name": attack.name, "attack": attack.says, "base": attack.base, "trust": attack.trust,
        "verdict": found.verdict, "codes": codes,
        "answers": {one.claim: one.answer for one in found.claims},
    }  # fmt: skip


def main(folder: Path) -> None:
    """Write everything into a folder."""
    bundles, known, attacks = made()
    folder.mkdir(parents=True, exist_ok=True)
    zips = {name: packed(files) for name, files in bundles.items()}
    rows, broken, failed = [], {}, []
    for attack in attacks:
        base = zips[attack.base]
        data = attack.broken if isinstance(attack.broken, bytes) else _as_shown(attack, base)
        try:
            rows.append(row(attack, report(data, known[attack.trust], folder)))
        except AssertionError as error:
            failed.append(str(error))
        if data != base:
            broken[attack.name] = change_of(base, attack.broken)
    (folder / "bundle.zip").unlink()
    if failed:
        raise SystemExit("\n".join(failed))
    _write(folder, zips, known, rows, broken)


def _as_shown(attack: Attack, base: bytes) -> bytes:
    assert not isinstance(attack.broken, bytes)
    return write_zip(attack.broken, read_zip(base).name)


def _write(
    folder: Path,
    zips: dict[str, bytes],
    known: dict[str, Known],
    rows: list[dict[str, Any]],
    broken: dict[str, Any],
) -> None:
    trust = {
        name: {
            "ledger": one.ledger, "cosigners": one.cosigners,
            "roots": [base64.b64encode(root).decode() for root in one.roots],
        }
        for name, one in known.items()
    }  # fmt: skip
    lines = ",\n".join(json.dumps(one, ensure_ascii=False, sort_keys=True) for one in rows)
    (folder / "cases.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    (folder / "trust.json").write_text(json.dumps(trust, indent=1, sort_keys=True) + "\n")
    for name, data in zips.items():
        (folder / f"{name}.zip.xz").write_bytes(_compressed(data))
    text = json.dumps(broken, ensure_ascii=False, sort_keys=True).encode()
    (folder / "broken.json.xz").write_bytes(_compressed(text))


def _compressed(data: bytes) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 26}]
    return lzma.compress(data, filters=filters)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else VECTORS)
