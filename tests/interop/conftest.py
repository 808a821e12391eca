"""What other people's tools are given: a real ledger, its tiles, and a bundle as it is exported."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger import acts
from ledger.tileview import StoredTiles, export
from tests.ledger.desk import Desk
from tests.ledger.ledgers import Firm
from tests.ledger.tampering import act, tiled_template  # noqa: F401  a fixture
from tests.ledger.test_cli_evidence import COURT

GO = Path(__file__).parent / "go" / "check.go"
GOPATH = Path("/usr/share/gocode")
Check = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(name="go_check", scope="session")
def go_check_fixture(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """The Go program, built once; called with its arguments."""
    go = shutil.which("go")
    if go is None or not (GOPATH / "src/golang.org/x/mod/sumdb/note").is_dir():
        pytest.skip(
            "NO GO WITH x/mod: notes, proofs and tiles are NOT checked by other people's code: "
            "apt-get install golang-go golang-golang-x-mod-dev"
        )
    home = tmp_path_factory.mktemp("go")
    environment = {
        **os.environ, "GO111MODULE": "off", "GOPATH": str(GOPATH), "GOFLAGS": "",
        "GOCACHE": str(home / "cache"), "GOPROXY": "off", "CGO_ENABLED": "0",
    }  # fmt: skip
    program = home / "check"
    build = [go, "build", "-o", str(program), str(GO)]
    subprocess.run(build, env=environment, check=True, timeout=300)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        call = [str(program), *map(str, arguments)]
        return subprocess.run(call, capture_output=True, text=True, check=False, timeout=60)

    return run


class Shown(NamedTuple):
    """A ledger's tiles in `folder`, and what checks them: the key, and an earlier checkpoint."""

    folder: Path
    vkey: str
    earlier: bytes


@pytest.fixture(scope="session")
def tiles(
    tiled_template: Firm,  # noqa: F811  the fixture
    tmp_path_factory: pytest.TempPathFactory,
) -> Shown:
    home = tmp_path_factory.mktemp("interop-tiles")
    firm = tiled_template._replace(path=home / "ledger")
    shutil.copytree(tiled_template.path, firm.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        with firm.open() as ledger, ledger.engine.connect() as connection:
            export(StoredTiles(connection, ledger.sign_checkpoint()), home / "tiles")
            vkey = ledger.folder.pinned_key().format()
    return Shown(home / "tiles", vkey, tiled_template.path.with_name("at-202").read_bytes())


class Bundle(NamedTuple):
    """An unpacked bundle with the ledger's key, which its reader has from elsewhere."""

    path: Path
    vkey: str

    @property
    def ledger(self) -> Path:
        """The part that proves."""
        return self.path / "data" / "10_账本"

    def json(self, name: str) -> Any:
        """A JSON file of that part."""
        return json.loads((self.ledger / name).read_bytes())

    @property
    def events(self) -> dict[str, bytes]:
        """The events shipped whole, by id."""
        lines = (self.ledger / "events.jsonl").read_bytes().splitlines()
        told = ((json.loads(line), line) for line in lines)
        return {f"{event['stream']}/{event['version']}": line for event, line in told}

    @property
    def head(self) -> Path:
        """The checkpoint that everything is proved against."""
        return self.ledger / "checkpoints" / f"{self.json('scope.json')['checkpoint']}.txt"

    def vkeys(self) -> dict[tuple[str, str], str]:
        """Verifier keys of all Ed25519 keys that the events enrol, by name and key id."""
        found = {}
        for key in (key for line in self.events.values() for key in enrolled(json.loads(line))):
            raw = base64.urlsafe_b64decode(key["public"] + "=" * (-len(key["public"]) % 4))
            text = base64.b64encode(b"\x01" + raw).decode()
            found[key["name"], key["id"]] = f"{key['name']}+{key['id']}+{text}"
        return found

    def signed_by(self, note: bytes) -> list[str]:
        """The verifier keys of the signature lines of a note."""
        vkeys = self.vkeys()
        found = []
        for name, blob in re.findall(r"^— (\S+) (\S+)$", note.decode(), re.MULTILINE):
            found.append(vkeys[name, base64.b64decode(blob)[:4].hex()])
        return found


def enrolled(value: Any) -> Iterator[dict[str, str]]:
    """Every Ed25519 key in an event."""
    if isinstance(value, dict):
        if value.get("kind") == "ed25519" and "public" in value:
            yield value
        for item in value.values():
            yield from enrolled(item)
    elif isinstance(value, list):
        for item in value:
            yield from enrolled(item)


@pytest.fixture(scope="session")
def bundle_template(firm_template: Firm, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The evidence of a record in a ledger of some acts by two people, with an index."""
    home = tmp_path_factory.mktemp("interop-bundle")
    firm = firm_template._replace(path=home / "ledger")
    shutil.copytree(firm_template.path, firm.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        desk = Desk(firm, home)
        record = desk.collect()
        act(firm, 3)
        desk.did("checkpoint")
        with firm.open() as ledger:
            review = acts.review(record, ["accuracy"], "pass")
            ledger.act(ledger.acting(firm.second), [review])
        act(firm, 20, second=True)
        desk.did("index", "publish")
        out = home / "evidence.zip"
        desk.did("evidence", "export", *COURT, "--record", record, "--out", str(out))
    shutil.unpack_archive(out, home / "unpacked")
    (path,) = (home / "unpacked").iterdir()
    return Bundle(path, (firm.path / "trust" / "ledger.vkey").read_text().strip())


@pytest.fixture
def bundle(bundle_template: Bundle, tmp_path: Path) -> Bundle:
    """A copy of the test's own."""
    shutil.copytree(bundle_template.path, tmp_path / "bundle")
    return bundle_template._replace(path=tmp_path / "bundle")
