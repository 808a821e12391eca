"""Time tokens of a real authority (`openssl ts`): verified by us, in the browser, and by others."""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.offline import der, token
from tests.ledger import tsa
from tests.ledger.tokens import (
    IMPRINT,
    NOTE,
    agree,
    answer,
    known,
    openssl_verifies,
    write,
)


@pytest.fixture(scope="module")
def root() -> tsa.Issued:
    return tsa.issue(tsa.ROOT)


@pytest.fixture(scope="module")
def middle(root: tsa.Issued) -> tsa.Issued:
    return tsa.issue(tsa.MIDDLE, root)


@pytest.fixture(scope="module")
def signer(root: tsa.Issued) -> tsa.Issued:
    return tsa.issue(tsa.SIGNER, root)


@pytest.fixture(scope="module")
def stamped(tmp_path_factory: pytest.TempPathFactory, signer: tsa.Issued) -> bytes:
    """A good token by `openssl ts`, with the signer's certificate alone."""
    return tsa.Authority(tmp_path_factory.mktemp("tsa"), signer).stamp(NOTE)


# -- good ones ------------------------------------------------------------------------------------


@pytest.mark.parametrize("certs", [False, True], ids=["certs-unset", "certs-set"])
@pytest.mark.parametrize("ess", ["sha1", "sha256"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072", "p256", "p384"])
def test_a_token_by_openssl_holds_whatever_its_key_digest_and_certificates(
    tmp_path: Path, root: tsa.Issued, kind: str, digest: str, ess: str, certs: bool
) -> None:
    middle = tsa.issue(replace(tsa.MIDDLE, kind="rsa2048", which=2), root)
    signer = tsa.issue(replace(tsa.SIGNER, kind=kind), middle if certs else root)
    chain = [middle] if certs else []
    authority = tsa.Authority(tmp_path, signer, chain, digest=digest, ess=ess, certs=certs)
    tsr = authority.stamp(NOTE)
    said = answer(tsr, [root])
    assert said["issuerKnown"]
    assert (said["accuracyMs"], said["policy"]) == (1501, tsa.POLICY)
    shown = tsa.run("ts", "-reply", "-in", write(tmp_path, "a.tsr", tsr), "-text").decode()
    assert f"Serial number: 0x{said['serial'].upper()}" in shown
    assert openssl_verifies(tmp_path, tsr, [root])


def test_the_unsorted_certificates_that_openssl_writes_are_read(
    tmp_path: Path, root: tsa.Issued, middle: tsa.Issued
) -> None:
    """SET OF is to be sorted in DER; OpenSSL 3.0 writes `certs=` as they come, in either order."""
    signer = tsa.issue(tsa.SIGNER, middle)
    orders = []
    for at, chain in enumerate([[middle, root], [root, middle]]):
        tsr = tsa.Authority(tmp_path / str(at), signer, chain, certs=True).stamp(NOTE)
        assert known(tsr, [root])
        orders.append(tsr.index(middle.der) < tsr.index(root.der))
    assert orders == [True, False]


def test_an_independent_client_says_the_same(
    tmp_path: Path, signer: tsa.Issued, root: tsa.Issued
) -> None:
    """rfc3161-client, which shares no code with us."""
    client = pytest.importorskip("rfc3161_client")
    tsr = tsa.Authority(tmp_path, signer).stamp(NOTE)
    response = client.decode_timestamp_response(tsr)
    verifier = client.VerifierBuilder().add_root_certificate(root.certificate).build()
    assert verifier.verify_message(response, NOTE)
    said, info = answer(tsr, [root]), token.read_info(tsr)
    theirs = response.tst_info
    assert said["genTime"] == theirs.gen_time.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert int(said["serial"], 16) == theirs.serial_number
    assert (info.policy, info.nonce) == (theirs.policy.dotted_string, theirs.nonce)
    assert info.imprint == theirs.message_imprint.message
    with pytest.raises(client.VerificationError):
        verifier.verify_message(response, NOTE + b"!")


def test_fractions_and_accuracy_widen_what_a_token_admits(
    tmp_path: Path, signer: tsa.Issued, root: tsa.Issued
) -> None:
    accuracy = tsa.seq(tsa.number(2), tsa.tlv(0x80, b"\x7d"), tsa.tlv(0x81, b"\x01"))
    content = tsa.tst_info(IMPRINT, "20260101000000.75Z", more=accuracy)
    said = answer(tsa.cms(tmp_path, content, signer), [root])
    assert (said["genTime"], said["accuracyMs"]) == ("2026-01-01T00:00:00Z", 2126)
    assert said["earliest"] == "2025-12-31T23:59:57.874Z"
    assert said["latest"] == "2026-01-01T00:00:03.126Z"


def test_a_token_holds_for_whoever_trusts_no_root_but_is_of_nobody_known(
    stamped: bytes, root: tsa.Issued
) -> None:
    assert known(stamped, [root])
    assert not known(stamped, [])


def test_the_signers_own_certificate_may_be_pinned(stamped: bytes, signer: tsa.Issued) -> None:
    assert known(stamped, [signer])


def test_root_files_are_read_as_pem_and_as_der(root: tsa.Issued, middle: tsa.Issued) -> None:
    both = b"a comment\r\n" + root.pem.replace(b"\n", b"\r\n") + b"\n" + middle.pem
    found, one, *bad = agree([
        ("roots", both, b"", []), ("roots", root.der, b"", []), ("roots", b"", b"", []),
        ("roots", b"no certificate", b"", []), ("roots", root.der + b"\x00", b"", []),
        ("roots", root.pem.replace(b"\nMII", b"\nMI"), b"", []),
        ("roots", root.private_pem, b"", []),
    ])  # fmt: skip
    assert (found, one) == ([root.der.hex(), middle.der.hex()], [root.der.hex()])
    assert bad == [{"error": ""}] * 4 + [{"error": ""}]


def test_a_file_of_roots_reads_back_what_was_pinned(root: tsa.Issued, middle: tsa.Issued) -> None:
    from ledger.offline import x509 as ours

    assert ours.pem(root.der) == root.pem
    assert ours.parse_roots(ours.pem(root.der) + ours.pem(middle.der)) == (root.der, middle.der)


# -- every byte -----------------------------------------------------------------------------------


def unsigned(tsr: bytes) -> set[int]:
    """The offsets of what no signature covers and no rule fixes: the reply's words for people."""
    status = der.read(tsr).parts[0]
    begins = tsr.index(status.raw)
    return set(range(begins, begins + len(status.raw)))


def change_each(tsr: bytes, root: tsa.Issued, spots: Sequence[tuple[int, int]]) -> None:
    """Each changed byte is refused, or it was one that says nothing: then nothing else is said."""
    before = answer(tsr, [root])
    changed = []
    for at, bit in spots:
        bad = bytearray(tsr)
        bad[at] ^= 1 << bit
        changed.append(("verify", bytes(bad), IMPRINT, [root.der]))
    said = agree(changed)
    free = unsigned(tsr)
    for (at, bit), one in zip(spots, said, strict=True):
        assert "error" in one or (one == before and at in free), (at, bit, one)


def test_some_bytes_of_a_reply_one_at_a_time(stamped: bytes, root: tsa.Issued) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    spots = [(chance.randrange(len(stamped)), chance.randrange(8)) for _ in range(400)]
    change_each(stamped, root, spots)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["p256", "p384", "rsa2048"])
def test_every_byte_of_a_reply_one_at_a_time(tmp_path: Path, root: tsa.Issued, kind: str) -> None:
    signer = tsa.issue(replace(tsa.SIGNER, kind=kind), root)
    tsr = tsa.Authority(tmp_path, signer).stamp(NOTE)
    change_each(tsr, root, [(at, bit) for at in range(len(tsr)) for bit in range(8)])


def test_whatever_we_accept_openssl_accepts(
    tmp_path: Path, root: tsa.Issued, middle: tsa.Issued
) -> None:
    """Changed and rearranged replies: we are never more lenient than `openssl ts -verify`."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    signer = tsa.issue(tsa.SIGNER, middle)
    tsr = tsa.Authority(tmp_path / "tsa", signer, [middle], certs=True).stamp(NOTE)
    accepted = []
    free = sorted(unsigned(tsr))
    changes = [[(at, bit)] for at in free for bit in range(8)]  # one of them we accept
    for _ in range(600 - len(changes)):
        places = [chance.choice([chance.choice(free), chance.randrange(100)])
                  for _ in range(chance.choice([1, 1, 2]))]  # fmt: skip
        changes.append([(at, chance.randrange(8)) for at in places])
    for change in changes:
        bad = bytearray(tsr)
        for at, bit in change:
            bad[at] ^= 1 << bit
        said = token_of(bytes(bad), root)
        if said is not None and said.issuer_known:
            accepted.append(bytes(bad))
    assert accepted
    for one in accepted[:40]:
        assert openssl_verifies(tmp_path, one, [root]), one.hex()


def token_of(tsr: bytes, root: tsa.Issued) -> token.Token | None:
    try:
        return token.verify_token(tsr, IMPRINT, [root.der])
    except ValueError:
        return None


def test_any_bytes_get_an_answer_and_the_same_one_in_the_browser(
    stamped: bytes, root: tsa.Issued
) -> None:
    """Cut, doubled, filled with noise: never a crash, never two answers."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    questions = []
    for _ in range(400):
        at, end = sorted(chance.randrange(len(stamped)) for _ in range(2))
        noise = chance.randbytes(chance.choice([0, 1, 2, end - at]))
        questions.append(("verify", stamped[:at] + noise + stamped[end:], IMPRINT, [root.der]))
    agree(questions)


def test_the_time_of_a_token_is_the_authoritys_clock(stamped: bytes, root: tsa.Issued) -> None:
    found = datetime.datetime.fromisoformat(answer(stamped, [root])["genTime"])
    assert abs((datetime.datetime.now(datetime.UTC) - found).total_seconds()) < 3600
