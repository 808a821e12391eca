"""The keystore under a real PKCS#11 token (SoftHSM): it opens with its PIN, and not without."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import KeyAccessError, UsageError
from ledger.keyfile import Argon2Cost, protect_anew, read_key_file
from ledger.keystore import Keystore, keeper_of
from ledger.token import MODULE_VARIABLE, TokenKey
from tests.ledger.desk import ROOT
from tests.ledger.ledgers import CHEAP

PIN, PASSPHRASE = b"1234", b"correct horse"
DRIVERS = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")
KEY = TokenKey("muniment", "kek")


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh token in a folder of its own, for this process."""
    found = next((path for path in DRIVERS if Path(path).exists()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        pytest.skip("NOT TESTED: keys on tokens; SoftHSM is not installed (apt: softhsm2)")
    pytest.importorskip("pkcs11", reason="NOT TESTED: keys on tokens; python-pkcs11 is missing")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)  # read once, when the driver is loaded
    for label in ("muniment", "other"):
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN.decode(),
             "--so-pin", "5678"],
            check=True, capture_output=True,
        )  # fmt: skip
    yield found
    del os.environ["SOFTHSM2_CONF"]


@pytest.fixture
def token(driver: str, monkeypatch: pytest.MonkeyPatch) -> TokenKey:
    monkeypatch.setenv(MODULE_VARIABLE, driver)
    key = TokenKey("muniment", f"kek-{os.urandom(4).hex()}")
    key.create(PIN)
    return key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "keystore"
    Keystore.create(folder, PASSPHRASE, kdf=CHEAP).close()
    return folder


def test_a_keystore_under_a_token_opens_with_its_pin(token: TokenKey, folder: Path) -> None:
    with Keystore.open(folder, PASSPHRASE) as store:
        ((key_id, key),) = store.new_keys(1)
    protect_anew(folder / "kek.json", PASSPHRASE, PIN, token)
    assert keeper_of(folder) == "token"
    with Keystore.open(folder, PIN) as store:
        assert store.key(key_id) == key
        store.shred(key_id)
        assert store.state(key_id) == "erased"


def test_and_not_with_the_passphrase_another_pin_or_another_token(
    token: TokenKey, folder: Path
) -> None:
    protect_anew(folder / "kek.json", PASSPHRASE, PIN, token)
    for wrong in (PASSPHRASE, b"4321", b"\xff"):
        with pytest.raises(KeyAccessError):
            Keystore.open(folder, wrong)
    other = TokenKey("other", token.name)
    other.create(PIN)
    raw = (folder / "kek.json").read_bytes()
    (folder / "kek.json").write_bytes(raw.replace(token.uri.encode(), other.uri.encode()))
    (folder / "kek.json").write_bytes(raw.replace(b"token=muniment;", b"token=other;"))
    with pytest.raises(KeyAccessError, match="altered"):
        Keystore.open(folder, PIN)


def test_it_goes_back_under_a_passphrase(token: TokenKey, folder: Path) -> None:
    protect_anew(folder / "kek.json", PASSPHRASE, PIN, token)
    protect_anew(folder / "kek.json", PIN, b"another", Argon2Cost(8, 1, 1))
    assert keeper_of(folder) == "ledger"
    Keystore.open(folder, b"another").close()


def test_a_wrong_pin_changes_nothing(token: TokenKey, folder: Path) -> None:
    before = (folder / "kek.json").read_bytes()
    with pytest.raises(KeyAccessError, match="PinIncorrect"):
        protect_anew(folder / "kek.json", PASSPHRASE, b"4321", token)
    assert (folder / "kek.json").read_bytes() == before
    assert sorted(p.name for p in folder.iterdir()) == ["kek.json", "slots"]


def test_a_token_gives_its_key_to_nobody(token: TokenKey) -> None:
    import pkcs11

    session = pkcs11.lib(os.environ[MODULE_VARIABLE]).get_token(token_label=token.token)
    with session.open(user_pin=PIN.decode()) as opened:
        (secret,) = opened.get_objects({pkcs11.Attribute.LABEL: token.name})
        with pytest.raises(pkcs11.PKCS11Error):
            secret[pkcs11.Attribute.VALUE]


def test_a_key_that_could_be_read_off_the_token_is_refused(driver: str, token: TokenKey) -> None:
    import pkcs11

    name = f"soft-{os.urandom(4).hex()}"
    session = pkcs11.lib(driver).get_token(token_label="muniment")
    with session.open(rw=True, user_pin=PIN.decode()) as opened:
        opened.generate_key(
            pkcs11.KeyType.GENERIC_SECRET, 256, label=name, store=True,
            capabilities=pkcs11.MechanismFlag.SIGN,
            mechanism=pkcs11.Mechanism.GENERIC_SECRET_KEY_GEN,
            template={pkcs11.Attribute.EXTRACTABLE: True, pkcs11.Attribute.SENSITIVE: False},
        )  # fmt: skip
    with pytest.raises(KeyAccessError, match="can be read off"):
        TokenKey("muniment", name).derive(PIN, bytes(16))


def test_one_name_is_one_key(token: TokenKey) -> None:
    with pytest.raises(KeyAccessError, match="of this name"):
        token.create(PIN)
    with pytest.raises(KeyAccessError, match="no such key"):
        TokenKey(token.token, "nobody").derive(PIN, bytes(16))
    with pytest.raises(KeyAccessError, match="NoSuchToken"):
        TokenKey("nowhere", "kek").derive(PIN, bytes(16))


@pytest.mark.parametrize(
    "uri",
    ["pkcs11:", "pkcs11:token=a", "pkcs11:object=a;token=b", "pkcs11:token=;object=b", "file:kek",
     "pkcs11:token=a;object=b?module-path=x", "pkcs11:token=a%20b;object=c",
     "pkcs11:token=甲;object=b"],
)  # fmt: skip
def test_other_uris_are_refused(uri: str) -> None:
    with pytest.raises(UsageError):
        TokenKey.parse(uri)


def test_a_folder_does_not_choose_the_driver(
    token: TokenKey, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile ledger's kek.json cannot name a library that would be loaded."""
    protect_anew(folder / "kek.json", PASSPHRASE, PIN, token)
    monkeypatch.delenv(MODULE_VARIABLE)
    with pytest.raises(KeyAccessError, match="no PKCS#11 driver is named"):
        Keystore.open(folder, PIN)
    raw = (folder / "kek.json").read_bytes()
    evil = re.sub(rb'"uri":"[^"]*"', b'"uri":"pkcs11:token=a;object=b?module-path=evil.so"', raw)
    (folder / "kek.json").write_bytes(evil)
    with pytest.raises(KeyAccessError, match="named pkcs11:token"):
        read_key_file("file:kek.json", folder)


def test_every_byte_of_a_key_file_under_a_token_counts(token: TokenKey, folder: Path) -> None:
    protect_anew(folder / "kek.json", PASSPHRASE, PIN, token)
    raw = (folder / "kek.json").read_bytes()
    for at in range(0, len(raw), 7):
        (folder / "kek.json").write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises((KeyAccessError, UsageError)):
            Keystore.open(folder, PIN)


def test_a_firm_puts_its_keystore_under_a_token(driver: str, tmp_path: Path) -> None:
    """The whole way as programs: init, collect, protect, read, and without the PIN nothing."""
    for name, secret in (("passphrase", PASSPHRASE), ("pin", PIN)):
        (tmp_path / name).write_bytes(secret)
    (tmp_path / "合同.txt").write_text("甲方", encoding="utf-8")
    environment = {
        **os.environ, MODULE_VARIABLE: driver, "PYTHONPATH": str(ROOT), "MUNIMENT_LANG": "en",
        "MUNIMENT_LEDGER": str(tmp_path / "ledger"),
        "MUNIMENT_PASSPHRASE_FILE": str(tmp_path / "passphrase"),
        "MUNIMENT_TOKEN_PIN_FILE": str(tmp_path / "pin"), "HOME": str(tmp_path),
    }  # fmt: skip

    def call(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ledger.cli", *arguments], cwd=tmp_path, text=True,
            env={**environment, **more}, capture_output=True, check=False, timeout=60,
        )  # fmt: skip

    opened = call("init", "--origin", "example.com/hsm", "--party", "甲公司", "--actor", "张三")
    assert opened.returncode == 0, opened.stderr
    collect = ("collect", "合同.txt", "--category", "contract", "--basis", "pipl_13_2_contract",
               "--source", "张三", "--notice", "N-1")  # fmt: skip
    assert call(*collect).returncode == 0
    uri = f"pkcs11:token=muniment;object=firm-{os.urandom(4).hex()}"
    done = call("keystore", "protect", "--token", uri, "--create")
    assert done.returncode == 0, done.stderr
    assert "合同.txt" in call("inventory").stdout
    assert call("verify").returncode == 0
    without = call("collect", "passphrase", *collect[2:], MUNIMENT_TOKEN_PIN_FILE="")
    assert without.returncode == 12
    assert PIN.decode() not in without.stderr + without.stdout
