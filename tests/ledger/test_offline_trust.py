"""Whom the reader believes: keys and certificates got from elsewhere than the bundle."""

from __future__ import annotations

import pytest

from ledger.offline.trust import (
    MAX_COSIGNERS,
    MAX_FILE_BYTES,
    keys_in,
    parse_trust,
)
from ledger.offline.x509 import MAX_ROOTS, parse_roots, pem
from ledger.tlog.note import VerifierKey
from tests.corpus.authority import Authority
from tests.ledger.signers import signer

LEDGER = signer("example.com/ledger").verifier.format()
WITNESS = signer("witness.example/w1", 4).verifier.format()


def test_a_readers_trust_is_a_ledger_cosigners_and_roots() -> None:
    root = Authority("tsa.example").root_der
    trust = parse_trust(f" {LEDGER}\n", [f"{WITNESS}\n"], [root])
    assert trust.ledger.name == "example.com/ledger"
    assert [key.name for key in trust.cosigners] == ["witness.example/w1"]
    assert trust.tsa_roots == (root,)
    assert parse_trust(LEDGER) == (trust.ledger, (), ())


def test_a_cosigner_has_a_key_of_its_own() -> None:
    same = signer("other.example/w2", 4, seed="witness.example/w1").verifier.format()
    ledgers = signer("witness.example/w1", 4, seed="example.com/ledger").verifier.format()
    for keys in ([WITNESS, WITNESS], [WITNESS, same], [ledgers]):
        with pytest.raises(ValueError, match="another's"):
            parse_trust(LEDGER, keys)


@pytest.mark.parametrize(
    "public",
    [
        bytes(32), b"\1" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f",
        b"\xee" + b"\xff" * 30 + b"\x7f", b"\2" + bytes(31),
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    ],
)  # fmt: skip
def test_small_order_and_unreal_keys_are_nobodys(public: bytes) -> None:
    """Whoever holds such a key holds signatures of it over anything."""
    import base64

    from ledger.offline.notes import key_id

    for kind, wrap in ((b"\1", lambda text: (text, [])), (b"\4", lambda text: (LEDGER, [text]))):
        identity = key_id("weak.example", public, kind).hex()
        text = f"weak.example+{identity}+{base64.b64encode(kind + public).decode()}"
        with pytest.raises(ValueError, match=r"point|order"):
            parse_trust(*wrap(text))


def test_the_type_of_a_key_says_what_it_may_sign() -> None:
    with pytest.raises(ValueError, match="type"):
        parse_trust(WITNESS)
    with pytest.raises(ValueError, match="type"):
        parse_trust(LEDGER, [signer("witness.example/w1").verifier.format()])
    with pytest.raises(ValueError, match="form name"):
        parse_trust(LEDGER, ["x" * 5000])
    altered = VerifierKey.parse(WITNESS).name + "x" + WITNESS[len("witness.example/w1") :]
    with pytest.raises(ValueError, match="not the hash"):
        parse_trust(LEDGER, [altered])


def test_a_file_of_keys_has_one_a_line() -> None:
    assert keys_in(f"# auditors\n\n  {WITNESS}  \r\nx\n") == [WITNESS, "x"]
    for text in ("", "\n# nobody\n", WITNESS + "\n" * MAX_FILE_BYTES):
        with pytest.raises(ValueError, match="the file"):
            keys_in(text)


def test_there_are_not_more_than_can_be_looked_through() -> None:
    many = [signer(f"w{n}.example", 4).verifier.format() for n in range(MAX_COSIGNERS + 1)]
    assert len(parse_trust(LEDGER, many[:-1]).cosigners) == MAX_COSIGNERS
    with pytest.raises(ValueError, match="too many"):
        parse_trust(LEDGER, many)
    root = Authority("tsa.example").root_der
    assert len(parse_trust(LEDGER, [], [root] * MAX_ROOTS).tsa_roots) == MAX_ROOTS
    with pytest.raises(ValueError, match="too many"):
        parse_trust(LEDGER, [], [root] * (MAX_ROOTS + 1))


def test_certificates_come_in_pem_or_der() -> None:
    """The reader's files are read as those that a ledger pins are: no root is half believed."""
    root = Authority("tsa.example").root_der
    one = pem(root)
    files = (root, b"subject=...\n" + one + one.replace(b"\n", b"\r\n"))
    for data in files:
        assert parse_trust(LEDGER, [], [data]).tsa_roots == parse_roots(data)
    assert parse_trust(LEDGER, [], files).tsa_roots == (root,) * 3
    for data in (
        b"", b"x", one.replace(b"CERTIFICATE", b"PRIVATE KEY"), b"0" * MAX_FILE_BYTES * 2,
        b"0\x03\x02\x01\x05", root + b"\0", root[:-1], one.replace(b"=\n", b"\n"),
        b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"."):
            parse_trust(LEDGER, [], [data])
