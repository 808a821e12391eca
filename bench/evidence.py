"""What is proved to others: P5, P6 and P7.

The ledgers are those of `bench.growth`. Both have an index and a time-stamp, by an authority of
this program's own (`openssl ts`), and are exported from by the command line as users do it. Every
export of a record is an event about it, so its evidence grows by the few that were measured before;
young and grown are exported equally often.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from bench import ours
from bench.alone import alone, can_tell
from bench.growth import LONG, SEED, SHORT, Grown, grow, held, ledgers
from bench.measuring import HERE, WORK, Result, Run, Size, folder, interleaved, result, skipped
from domain.bundle import BundleExported, BundleRequested
from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.bundle import Bundle, Order, Selection, export
from ledger.eventproof import Prover
from ledger.evidence import decode_event
from ledger.index.publishing import publish
from ledger.offline.bag import write_zip
from ledger.offline.check import verify_path
from ledger.offline.trust import Trust, parse_trust
from ledger.offline.x509 import parse_roots
from ledger.signing import Proposal, new_ids, now
from ledger.timestamps import Request, anchor, check, newest
from ledger.tlog import ed25519

_PROVED: Final = 3_000
_TIMED: Final = re.compile("data/10_[^/]*/")
_CONFIG: Final = (
    "[tsa]\ndefault_tsa = this\n[this]\nserial = {0}/serial\ncrypto_device = builtin\n"
    "signer_cert = {0}/cert.pem\nsigner_key = {0}/key.pem\nsigner_digest = sha256\n"
    "default_policy = 1.2.3.4.1\ndigests = sha256\naccuracy = secs:1\ness_cert_id_alg = sha256\n"
)


# -- P5 ---------------------------------------------------------------------------------------


def proving(size: Size) -> Iterator[Result]:
    """P5: the two proofs of one event, of events drawn at random from the grown ledger."""
    grown = ledgers(size)[1]
    note = grown.checkpoint()
    with Ledger(grown.folder, ours.passphrase) as ledger:
        drawn = _drawn(ledger)
        cold = sorted(_cold(ledger, note, event) for event in drawn[:50])
        with ledger.engine.connect() as connection:
            prover = Prover(connection, note)
            took = sorted(_timed(prover, event) for event in drawn)
    of = f"proof of one event of {size.grown:,}"
    yield result("P5", f"{of}, p50", 1000 * took[len(took) // 2], "ms", most=0.5)
    yield result("P5", f"{of}, p99", 1000 * took[len(took) * 99 // 100], "ms", most=2)
    measure = f"{of}, nothing read before, p99"
    yield result("P5", measure, 1000 * cold[len(cold) * 99 // 100], "ms", most=10)


def _drawn(ledger: Ledger) -> list[str]:
    draw = random.Random(SEED)
    sql = "SELECT state FROM events WHERE position = ?"
    with ledger.engine.connect() as connection:
        last = connection.exec_driver_sql("SELECT max(position) FROM events").scalar_one()
        states = [
            connection.exec_driver_sql(sql, (draw.randint(1, last),)).scalar_one()
            for _ in range(min(_PROVED, last))
        ]
    return [decode_event(bytes(state)).id for state in states]


def _timed(prover: Prover, event: str) -> float:
    start = time.perf_counter()
    prover.prove(event)
    return time.perf_counter() - start


def _cold(ledger: Ledger, note: bytes, event: str) -> float:
    """Seconds of a first proof: the connection is new, and has no page in its cache."""
    ledger.engine.dispose()
    start = time.perf_counter()
    with ledger.engine.connect() as connection:
        Prover(connection, note).prove(event)
    return time.perf_counter() - start


# -- P6 ---------------------------------------------------------------------------------------


def exporting(size: Size) -> Iterator[Result]:
    """P6: the evidence of one record, from the grown and from the young ledger."""
    young, grown, _ = ledgers(size)
    of, plain = f"evidence of {LONG} events from {size.grown:,}", f"from {size.young:,}"
    stamped = [_anchored(ledger) for ledger in (young, grown)]
    for measure, unsigned in ((of, False), (f"{of}, an act just before", True)):
        runs: dict[str, Run] = {
            "grown": partial(_exported, grown, grown.long, unsigned=unsigned),
            "young": partial(_exported, young, young.long, unsigned=unsigned),
        }
        took = interleaved(runs, 2 * size.rounds + 1)
        yield result(
            "P6", measure, took["grown"], "s", peer=(plain, took["young"]), most=1, most_ratio=1.2
        )
    with grown.writing() as (ledger, acting):
        found = [_bundled(ledger, acting, record) for record in (grown.long, grown.short)]
    proved = [_proof_bytes(bundle) for bundle in found]
    each = (proved[0] - proved[1]) / (found[0].own - found[1].own)
    yield result("P6", "one proved event more in a bundle", each, "bytes", most=4_000)
    timed = sum(len(d) for n, d in found[0].files.items() if "/tokens/" in n) / found[0].own
    if all(stamped):
        measure = "one proved event more, with its part of the tokens"
        yield result("P6", measure, each + timed, "bytes", most=4_000)
    else:
        yield skipped("P6", "a proved event with time token", "openssl missing", "<= 4,000 bytes")
    whole = float(len(write_zip(dict(found[0].files), top=found[0].id)))
    yield result("P6", f"the whole bundle of {found[0].own} events", whole, "bytes")
    if can_tell():
        with folder("export") as path:
            arguments = _export(grown, grown.long, path / "evidence.zip")
            yield held("muniment evidence export", alone("muniment", *arguments)[1])


def _proof_bytes(bundle: Bundle) -> int:
    """What the proofs take in the zip: without the pages for people, without tokens."""
    proved = {name: data for name, data in bundle.files.items()
              if _TIMED.match(name) and "/tokens/" not in name}  # fmt: skip
    return len(write_zip(proved, top=bundle.id))


def _anchored(grown: Grown) -> bool:
    """Publish an index and anchor the state, so that the evidence has both; False: no openssl."""
    with grown.writing() as (ledger, acting):
        publish(ledger, acting)
        if shutil.which("openssl") is None:
            return False
        with folder("tsa") as path:
            request = Request.over(newest(ledger))
            root = _authority(path)
            (path / "asked").write_bytes(request.query())
            _openssl("ts", "-reply", "-config", path / "config", "-section", "this",
                     "-queryfile", path / "asked", "-out", path / "reply")  # fmt: skip
            reply = (path / "reply").read_bytes()
            anchor(ledger, acting, request, reply, check(request, reply, [root]))
    return True


def _authority(path: Path) -> bytes:
    """A time-stamp authority in a folder; the certificate of its root (DER)."""
    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650")
    root = ("-keyout", path / "root.key", "-out", path / "root.pem", "-subj", "/CN=bench root")
    _openssl(*new, *root, "-addext", "keyUsage=critical,keyCertSign")
    _openssl(
        *new, "-CA", path / "root.pem", "-CAkey", path / "root.key", "-keyout", path / "key.pem",
        "-out", path / "cert.pem", "-subj", "/CN=bench", "-addext",
        "extendedKeyUsage=critical,timeStamping", "-addext", "keyUsage=critical,digitalSignature",
        "-addext", "basicConstraints=critical,CA:FALSE",
    )  # fmt: skip
    (path / "serial").write_text("01\n")
    (path / "config").write_text(_CONFIG.format(path))
    (found,) = parse_roots((path / "root.pem").read_bytes())
    return found


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def _exported(grown: Grown, record: str, *, unsigned: bool) -> float:
    """Seconds of `muniment evidence export`, from the start of the program to its end."""
    if unsigned:
        with grown.writing() as (ledger, acting):
            ledger.act(acting, [acts.void_draft(os.urandom(16).hex())])
    with folder("export") as path:
        return _muniment(*_export(grown, record, path / "evidence.zip"))


def _export(grown: Grown, record: str, out: Path) -> tuple[str | Path, ...]:
    return ("-L", grown.path, "--passphrase-file", _passphrase_file(), "evidence", "export",
            "--record", record, "--purpose", "dispute", "--recipient", "court",
            "--jurisdiction", "cn", "--without-documents", "--out", out)  # fmt: skip


def _bundled(ledger: Ledger, acting: Acting, record: str) -> Bundle:
    """The evidence of a record, without documents."""
    (stream,) = new_ids("bundle")
    selection = Selection()
    said = {"kind": "record", "object": record, "selection": selection.digest()}
    asked = {"purpose": "dispute", "recipient": "court", "jurisdiction": "cn",
             "opened": 0, "attached": 0, "withheld": 0}  # fmt: skip
    ledger.act(acting, [Proposal(BundleRequested, stream, {**said, **asked}),
                        Proposal(BundleExported, stream, said)])  # fmt: skip
    order = Order(stream, "record", record, "", "", f"{stream}/2", selection, documents=False)
    return export(ledger, acting, order, exported_at=now())


def _passphrase_file() -> Path:
    path = WORK / "passphrase"
    path.write_bytes(ours.passphrase(""))
    path.chmod(0o600)
    return path


def _muniment(*arguments: str | Path) -> float:
    """Seconds of a call of the command line, from the start of the program to its end."""
    code = "from ledger.cli import main; main()"
    return _seconds([sys.executable, "-c", code, *arguments])


def _seconds(command: Sequence[str | Path]) -> float:
    # As it is installed: with its modules compiled, from the first run on.
    installed = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, cwd=HERE.parent, env=installed
    )  # fmt: skip
    return time.perf_counter() - start


# -- P7 ---------------------------------------------------------------------------------------


def offline(size: Size) -> Iterator[Result]:
    """P7: bundles of 30 and of 10 events, verified without a ledger."""
    with folder("offline") as path:
        grown = grow(path, size.young, ours.CHEAP)
        trust = parse_trust(grown.folder.pinned_key().format())
        vkey = path / "ledger.vkey"
        vkey.write_text(grown.folder.pinned_key().format() + "\n", encoding="ascii")
        long, short = (_bundle(grown, record, path) for record in (grown.long, grown.short))
        runs: dict[str, Run] = {
            "long": partial(_checked, long, trust),
            "short": partial(_checked, short, trust),
            "process": partial(_muniment, "evidence", "verify", long, "--trust", vkey),
            "pyz": partial(_seconds, _pyz(long, path, vkey)),
        }
        took = interleaved(runs, 3 * size.rounds)
    each = (took["long"] - took["short"]) / (LONG - SHORT)
    yield result("P7", "one proved event more, in process", 1000 * each, "ms", most=0.6)
    measure = f"a bundle of {LONG} events, in process, each"
    yield result("P7", measure, 1000 * took["long"] / LONG, "ms", most=0.6)
    measure = f"muniment evidence verify, {LONG} events"
    yield result("P7", measure, took["process"], "s", most=0.35)
    yield result("P7", f"python verify.pyz alone, {LONG} events", took["pyz"], "s")


def _bundle(grown: Grown, record: str, path: Path) -> Path:
    with grown.writing() as (ledger, acting):
        bundle = _bundled(ledger, acting, record)
    if bundle.own != (LONG if record == grown.long else SHORT):
        raise SystemExit(f"the measured record has {bundle.own} events")
    file = path / f"{bundle.id}.zip"
    file.write_bytes(write_zip(dict(bundle.files), top=bundle.id))
    (path / "verify.pyz").write_bytes(bundle.files["verify/verify.pyz"])
    return file


def _pyz(bundle: Path, path: Path, vkey: Path) -> list[str | Path]:
    return [sys.executable, "-I", "-S", path / "verify.pyz", bundle, "--trust", vkey]


def _checked(bundle: Path, trust: Trust) -> float:
    """Seconds of reading and checking a bundle, the least of five."""
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        report = verify_path(bundle, trust, ed25519.verify)
        best = min(best, time.perf_counter() - start)
        if report.verdict != "valid":
            raise SystemExit("the measured bundle does not verify")
    return best
