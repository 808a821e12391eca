"""Time tokens as an attacker would write them: each with one thing wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ledger.offline import der, token
from tests.ledger import tsa
from tests.ledger.tokens import (
    IMPRINT,
    NOTE,
    OTHER,
    known,
    refused,
    swapped,
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


def test_a_token_for_another_checkpoint_is_refused(stamped: bytes, root: tsa.Issued) -> None:
    assert refused(stamped, [root], OTHER) == "token_differs"


def test_a_reply_that_says_rejected_is_refused(
    tmp_path: Path, root: tsa.Issued, signer: tsa.Issued
) -> None:
    authority = tsa.Authority(tmp_path, signer)
    file = tmp_path / "note"
    file.write_bytes(NOTE)
    asked = tsa.run("ts", "-query", "-data", str(file), "-sha1", "-cert")
    tsr = authority.reply(asked)  # the authority takes no SHA-1
    assert token.read_status(tsr) == (2, 1)
    assert refused(tsr, [root]) == "token_malformed"


@pytest.mark.parametrize("status", [2, 3, 4, 5, 6, 255])
def test_a_token_in_a_reply_that_was_not_granted_is_refused(
    stamped: bytes, root: tsa.Issued, status: int
) -> None:
    info = der.read(stamped).parts[1].raw
    assert known(tsa.seq(tsa.seq(tsa.number(0)), info), [root])
    assert known(tsa.seq(tsa.seq(tsa.number(1)), info), [root])  # granted with changes
    assert refused(tsa.seq(tsa.seq(tsa.number(status)), info), [root]) == "token_malformed"


def test_a_bare_token_without_the_reply_around_it_is_refused(
    stamped: bytes, root: tsa.Issued
) -> None:
    assert refused(der.read(stamped).parts[1].raw, [root]) == "token_malformed"


TIMES: dict[str, tuple[str, dict[str, Any]]] = {
    "expired": ("20300101000000Z", {"ends": tsa.NOW + tsa.DAY}),
    "not yet valid": ("20260101000000Z", {"begins": tsa.NOW + tsa.DAY}),
}


@pytest.mark.parametrize("case", TIMES)
def test_a_signer_whose_certificate_is_not_valid_at_the_time_is_refused(
    tmp_path: Path, root: tsa.Issued, case: str
) -> None:
    time, change = TIMES[case]
    signer = tsa.issue(replace(tsa.SIGNER, **change), root)
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT, time), signer)
    assert refused(tsr, [root]) == "token_signature"


def test_a_certificate_that_expired_since_does_not_matter(tmp_path: Path, root: tsa.Issued) -> None:
    """Records are kept for thirty years; what counts is the time of the token."""
    old: dict[str, Any] = {"begins": tsa.NOW - 4000 * tsa.DAY, "ends": tsa.NOW - 2000 * tsa.DAY}
    old_root = tsa.issue(replace(tsa.ROOT, **old))
    signer = tsa.issue(replace(tsa.SIGNER, **old), old_root)
    time = (tsa.NOW - 3000 * tsa.DAY).strftime("%Y%m%d%H%M%SZ")
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT, time), signer)
    assert known(tsr, [old_root])


def test_a_root_that_had_expired_at_the_time_vouches_for_nothing(tmp_path: Path) -> None:
    old_root = tsa.issue(replace(tsa.ROOT, ends=tsa.NOW - tsa.DAY))
    signer = tsa.issue(tsa.SIGNER, old_root)
    assert not known(tsa.cms(tmp_path, tsa.tst_info(IMPRINT), signer), [old_root])


SIGNERS: dict[str, dict[str, Any]] = {
    "without extended key usage": {"purposes": None},
    "extended key usage not critical": {"purposes_critical": False},
    "another purpose": {"purposes": (x509.oid.ExtendedKeyUsageOID.CODE_SIGNING,)},
    "a second purpose": {
        "purposes": (tsa.TIME_STAMPING, x509.oid.ExtendedKeyUsageOID.CODE_SIGNING),
    },
    "any purpose": {"purposes": (x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)},
    "not for signatures": {"usage": ("key_encipherment",)},
    "a critical extension that nobody knows": {"critical_unknown": True},
    "RSA of 1024 bits": {"kind": "rsa1024"},
    "another curve": {"kind": "p521"},
}  # fmt: skip


@pytest.mark.parametrize("case", SIGNERS)
def test_a_signer_that_may_not_stamp_is_refused(
    tmp_path: Path, root: tsa.Issued, case: str
) -> None:
    signer = tsa.issue(replace(tsa.SIGNER, **SIGNERS[case]), root)
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), signer)
    assert refused(tsr, [root]) == "token_signature"


def test_a_root_that_nobody_pinned_vouches_for_nothing(stamped: bytes) -> None:
    """Of the same name, with another key."""
    other = tsa.issue(replace(tsa.ROOT, which=9))
    assert not known(stamped, [other])


def test_a_self_signed_signer_that_claims_to_be_a_root_is_nobody_known(
    tmp_path: Path, root: tsa.Issued
) -> None:
    claimed = tsa.issue(replace(tsa.SIGNER, name=tsa.ROOT.name, ca=True))
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), claimed, [root])
    assert not known(tsr, [root])


def test_roots_that_come_with_the_token_are_not_trusted(
    tmp_path: Path, root: tsa.Issued, signer: tsa.Issued
) -> None:
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), signer, [root])
    assert known(tsr, [root])
    assert not known(tsr, [])
    assert not known(tsr, [tsa.issue(replace(tsa.ROOT, name="Another Root"))])


CHAINS: dict[str, dict[str, Any]] = {
    "not a CA": {"ca": False, "path_length": None},
    "says nothing of being a CA": {"ca": None, "path_length": None},
    "may not sign certificates": {"usage": ("digital_signature",)},
    "for another purpose": {"purposes": (x509.oid.ExtendedKeyUsageOID.SERVER_AUTH,)},
    "expired": {"ends": tsa.NOW - tsa.DAY},
    "not yet valid": {"begins": tsa.NOW + tsa.DAY},
    "a critical extension that nobody knows": {"critical_unknown": True},
    "RSA of 1024 bits": {"kind": "rsa1024"},
}


@pytest.mark.parametrize("case", CHAINS)
def test_an_intermediate_that_may_not_vouch_breaks_the_chain(
    tmp_path: Path, root: tsa.Issued, case: str
) -> None:
    good = tsa.issue(tsa.MIDDLE, root)
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), tsa.issue(tsa.SIGNER, good), [good])
    assert known(tsr, [root])
    bad = tsa.issue(replace(tsa.MIDDLE, **CHAINS[case]), root)
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), tsa.issue(tsa.SIGNER, bad), [bad])
    assert not known(tsr, [root])


def test_an_intermediate_that_was_signed_with_sha1_breaks_the_chain(
    tmp_path: Path, root: tsa.Issued
) -> None:
    weak = tsa.weakly(tsa.MIDDLE, root)
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), tsa.issue(tsa.SIGNER, weak), [weak])
    assert not known(tsr, [root])


def test_a_stamping_certificate_cannot_issue_another_one(
    tmp_path: Path, root: tsa.Issued, signer: tsa.Issued
) -> None:
    """Whoever has one stamping key of an authority makes no second authority with it."""
    child = tsa.issue(replace(tsa.SIGNER, name="Forger", which=7), signer)
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), child, [signer])
    assert not known(tsr, [root])


def test_an_intermediate_that_nobody_signed_breaks_the_chain(
    tmp_path: Path, root: tsa.Issued
) -> None:
    """The names lead from one to the next, the signatures do not."""
    forged = tsa.issue(tsa.MIDDLE, tsa.issue(replace(tsa.ROOT, which=8)))
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), tsa.issue(tsa.SIGNER, forged), [forged])
    assert not known(tsr, [root])


@pytest.mark.parametrize("longest", [None, 2, 1, 0])
def test_there_are_no_more_authorities_than_the_path_length_allows(
    tmp_path: Path, longest: int | None
) -> None:
    """Of the root: how many authorities may stand between it and the signer."""
    top = tsa.issue(replace(tsa.ROOT, path_length=longest))
    for between in (1, 2):
        upper = tsa.issue(replace(tsa.MIDDLE, name="Upper", which=5, path_length=None), top)
        lower = tsa.issue(tsa.MIDDLE, upper if between == 2 else top)
        chain = [lower, upper][:between]
        tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), tsa.issue(tsa.SIGNER, lower), chain)
        assert known(tsr, [top]) is (longest is None or longest >= between)


def test_an_intermediate_allows_no_more_than_its_own_path_length(
    tmp_path: Path, root: tsa.Issued
) -> None:
    for longest in (None, 1, 0):
        upper = tsa.issue(replace(tsa.MIDDLE, name="Upper", which=5, path_length=longest), root)
        lower = tsa.issue(tsa.MIDDLE, upper)
        tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), tsa.issue(tsa.SIGNER, lower), [lower, upper])
        assert known(tsr, [root]) is (longest != 0)


def test_a_chain_of_more_than_eight_certificates_is_not_followed(tmp_path: Path) -> None:
    top = tsa.issue(replace(tsa.ROOT, kind="p256"))
    chain = [top]
    for at in range(7):
        chain.append(
            tsa.issue(replace(tsa.ROOT, name=f"CA {at}", kind="p256", which=20), chain[-1])
        )
    for length, holds in ((6, True), (7, False)):
        leaf = tsa.issue(tsa.SIGNER, chain[length])
        tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), leaf, chain[1 : length + 1])
        assert known(tsr, [top]) is holds


def test_authorities_that_sign_each_other_in_a_circle_end_soon(tmp_path: Path) -> None:
    import time

    names = [replace(tsa.ROOT, name="Circle", kind="p256", which=30 + at) for at in range(14)]
    first = tsa.issue(names[0])
    ring = [tsa.issue(one, first) for one in names[1:]] + [first]
    leaf = tsa.issue(tsa.SIGNER, first)
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), leaf, ring)
    before = time.process_time()
    assert not known(tsr, [tsa.issue(replace(tsa.ROOT, name="Circle", which=60))])
    assert time.process_time() - before < 10


def test_more_certificates_than_anybody_needs_are_refused(tmp_path: Path, root: tsa.Issued) -> None:
    signer = tsa.issue(tsa.SIGNER, root)
    many = [tsa.issue(replace(tsa.MIDDLE, name=f"CA {at}", kind="p256"), root) for at in range(16)]
    assert known(tsa.cms(tmp_path, tsa.tst_info(IMPRINT), signer, many[:15]), [root])
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), signer, many)
    assert refused(tsr, [root]) == "token_malformed"


def test_a_weak_digest_is_refused(tmp_path: Path, root: tsa.Issued, signer: tsa.Issued) -> None:
    content = tsa.tst_info(IMPRINT)
    assert refused(tsa.cms(tmp_path, content, signer, digest="sha1"), [root]) == "token_signature"
    weak = tsa.tst_info(IMPRINT[:20], algorithm=tsa.SHA1)
    assert refused(tsa.cms(tmp_path, weak, signer), [root]) == "token_differs"
    named = tsa.tst_info(IMPRINT, algorithm=tsa.SHA1)
    assert refused(tsa.cms(tmp_path, named, signer), [root]) == "token_differs"


def test_the_attributes_name_the_signers_certificate(
    tmp_path: Path, root: tsa.Issued, signer: tsa.Issued
) -> None:
    """Without ESSCertID another certificate of the same key could be put in (RFC 3161, 2.4.2)."""
    content = tsa.tst_info(IMPRINT)
    assert known(tsa.cms(tmp_path, content, signer), [root])
    bare = tsa.cms(tmp_path, content, signer, cades=False)
    assert refused(bare, [root]) == "token_signature"


def test_another_certificate_of_the_same_key_is_not_the_signers(
    tmp_path: Path, root: tsa.Issued, signer: tsa.Issued
) -> None:
    """The hash in the signed attributes tells the two apart."""
    wanted = replace(
        tsa.SIGNER, serial=signer.certificate.serial_number, ends=tsa.NOW + 9 * tsa.DAY
    )
    twin = tsa.issue(wanted, root)
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), signer)
    outer = 4 + len(twin.der) - len(signer.der)
    changed = swapped(tsr, signer.der, twin.der)
    assert outer
    assert refused(changed, [root]) == "token_signature"


def test_a_signer_that_names_another_certificate_than_its_attributes_is_refused(
    stamped: bytes, root: tsa.Issued
) -> None:
    """Issuer and serial number stand outside the signature."""
    info = der.read(stamped).parts[1].parts[1].parts[0].parts[-1].parts[0]
    named = info.parts[1]
    for changed in (
        tsa.seq(named.parts[0].raw, tsa.number(7)), tsa.seq(tsa.seq(), named.parts[1].raw),
    ):  # fmt: skip
        assert refused(swapped(stamped, named.raw, changed), [root]) == "token_signature"


def resigned(tsr: bytes, signer: tsa.Issued, attributes: Sequence[bytes]) -> bytes:
    """A token with other signed attributes, signed again by the same key."""
    assert isinstance(signer.private, ec.EllipticCurvePrivateKey)
    info = der.read(tsr).parts[1].parts[1].parts[0].parts[-1].parts[0]
    signature = signer.private.sign(tsa.tlv(0x31, *attributes), ec.ECDSA(hashes.SHA256()))
    changed = swapped(tsr, info.parts[3].raw, tsa.tlv(0xA0, *attributes))
    return swapped(changed, info.parts[-1].raw, tsa.tlv(4, signature))


def test_signed_attributes_stand_once_and_each_that_is_needed_is_there(
    tmp_path: Path, root: tsa.Issued, signer: tsa.Issued
) -> None:
    """Content type, digest and certificate: with one of them twice, which one counts?"""
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), signer)
    info = der.read(tsr).parts[1].parts[1].parts[0].parts[-1].parts[0]
    given = [one.raw for one in info.parts[3].parts]
    assert known(resigned(tsr, signer, given), [root])
    assert known(resigned(tsr, signer, given[::-1]), [root])  # the order says nothing
    for one in given:
        assert refused(resigned(tsr, signer, [*given, one]), [root]) == "token_signature"
    needed = ("1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.16.2.47")
    for one in given:
        left = [other for other in given if other != one]
        if der.oid(der.read(one).parts[0]) in needed:
            assert refused(resigned(tsr, signer, left), [root]) == "token_signature"
        else:
            assert known(resigned(tsr, signer, left), [root])


def test_another_time_under_the_same_signature_is_refused(
    tmp_path: Path, root: tsa.Issued, signer: tsa.Issued
) -> None:
    """The signature is over the attributes; these give the content's digest."""
    content = tsa.tst_info(IMPRINT, "20260101000000Z")
    tsr = tsa.cms(tmp_path, content, signer)
    older = tsa.tst_info(IMPRINT, "20250101000000Z")
    assert known(tsr, [root])
    assert refused(tsr.replace(content, older), [root]) == "token_signature"


def test_unsigned_attributes_are_not_signed_ones(
    tmp_path: Path, root: tsa.Issued, signer: tsa.Issued
) -> None:
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), signer, options=["-noattr"], cades=False)
    assert refused(tsr, [root]) == "token_malformed"


def test_data_that_are_no_token_do_not_become_one(
    tmp_path: Path, root: tsa.Issued, signer: tsa.Issued
) -> None:
    """What the same key signed as another kind of content, or as content of another form."""
    tsr = tsa.cms(tmp_path, tsa.tst_info(IMPRINT), signer)
    data = tsa.dotted("1.2.840.113549.1.7.1")
    assert refused(swapped(tsr, tsa.dotted("1.2.840.113549.1.9.16.1.4"), data), [root]) in (
        "token_malformed", "token_signature",
    )  # fmt: skip
    for content in (b"", b"text", tsa.seq(), tsa.tst_info(IMPRINT) + b"\x00"):
        assert refused(tsa.cms(tmp_path, content, signer), [root]) == "token_malformed"


INFOS = {
    "another version": tsa.tst_info(IMPRINT, version=2),
    "time without seconds": tsa.tst_info(IMPRINT, "202601010000Z"),
    "local time": tsa.tst_info(IMPRINT, "20260101000000+0800"),
    "no such day": tsa.tst_info(IMPRINT, "20260230000000Z"),
    "a leap second": tsa.tst_info(IMPRINT, "20260630235960Z"),
    "a trailing zero in the fraction": tsa.tst_info(IMPRINT, "20260101000000.10Z"),
    "before there were tokens": tsa.tst_info(IMPRINT, "19990101000000Z"),
    "after every year": tsa.tst_info(IMPRINT, "99991231235959Z"),
    "accuracy of nothing": tsa.tst_info(IMPRINT, more=tsa.seq(tsa.tlv(0x80, b"\x00"))),
    "accuracy of two days": tsa.tst_info(IMPRINT, more=tsa.seq(tsa.number(2 * 86_400))),
    "accuracy below zero": tsa.tst_info(IMPRINT, more=tsa.seq(tsa.number(-1))),
    "an unknown critical extension": tsa.tst_info(IMPRINT, more=tsa.tlv(
        0xA1, tsa.seq(tsa.dotted("1.2.3.4"), b"\x01\x01\xff", tsa.tlv(4)))),
    "something that does not belong there": tsa.tst_info(IMPRINT, more=tsa.tlv(0x87)),
    "a boolean that is neither": tsa.tst_info(IMPRINT, more=b"\x01\x01\x01"),
}  # fmt: skip


@pytest.mark.parametrize("case", INFOS)
def test_a_signed_content_that_is_not_a_tokens_is_refused(
    tmp_path: Path, root: tsa.Issued, signer: tsa.Issued, case: str
) -> None:
    assert refused(tsa.cms(tmp_path, INFOS[case], signer), [root]) == "token_malformed"


def test_trailing_bytes_are_refused_wherever_they_stand(stamped: bytes, root: tsa.Issued) -> None:
    assert refused(stamped + b"\x00", [root]) == "token_malformed"
    assert refused(stamped[:-1], [root]) == "token_malformed"
    info = der.read(stamped).parts[1]
    longer = tsa.seq(tsa.seq(tsa.number(0)), info.raw, tsa.number(1))
    assert refused(longer, [root]) == "token_malformed"


def test_lengths_that_are_not_minimal_are_refused(stamped: bytes, root: tsa.Issued) -> None:
    first = der.read(stamped)
    body = first.content
    for head in (
        b"\x30\x83" + len(body).to_bytes(3, "big"), b"\x30\x84" + len(body).to_bytes(4, "big"),
    ):  # fmt: skip
        assert refused(head + body, [root]) == "token_malformed"
    assert refused(b"\x30\x80" + body + b"\x00\x00", [root]) == "token_malformed"


def test_huge_lengths_deep_nesting_and_large_replies_are_refused_at_once(root: tsa.Issued) -> None:
    deep = b""
    while len(deep) < 60_000:
        deep = tsa.seq(deep)
    for tsr in (
        b"\x30\x84\xff\xff\xff\xff", b"\x30\x83\xff\xff\xff" + bytes(60_000), deep,
        tsa.seq(bytes(70_000)), tsa.seq(tsa.seq(tsa.number(0)), deep[4:]),
        tsa.seq(tsa.seq(tsa.number(0)), tsa.seq(b"\x05\x00" * 30_000)), b"",
    ):  # fmt: skip
        assert refused(tsr, [root]) == "token_malformed"
