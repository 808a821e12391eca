"""`muniment document` and `muniment certificate pdf`, `verify` at the desk; and PDF signatures."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdf
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ledger.documents import pages
from ledger.documents.checking import check_with_ledger
from ledger.documents.pades import sign
from ledger.errors import KeyAccessError, UsageError
from tests.ledger import papers
from tests.ledger.crews import (
    Crew,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    site_fixture,  # noqa: F401
)
from tests.ledger.desk import cheap_keys
from tests.ledger.papers import certificate, pem_key, signing_key
from tests.ledger.test_cli_destroy import Counter


@pytest.fixture
def counter(crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter:
    monkeypatch.chdir(tmp_path)
    cheap_keys(monkeypatch)
    return Counter(crew, tmp_path)


@pytest.fixture
def case(counter: Counter) -> str:
    """A certified case."""
    found = counter.approved()
    counter.executed(found)
    counter.did("destroy", "verify", found, "--as", counter.people["luo"])
    counter.did("destroy", "certify", found, "--residual", "无")
    return found


@pytest.fixture
def out(counter: Counter) -> Path:
    return counter.home / "销毁证明.pdf"


def vkey(counter: Counter) -> str:
    return str(counter.firm.path / "trust" / "ledger.vkey")


# -- issued, printed again, verified ------------------------------------------------------------


def test_a_certificate_is_issued_once_and_printed_as_often_as_wanted(
    counter: Counter,
    case: str,
    out: Path,
) -> None:
    said = counter.json("certificate", "pdf", case[-12:], "--out", str(out))
    assert said["number"].startswith("XH-")
    assert said["bytes"] == out.stat().st_size
    assert len(said["events"]) == 1
    again = out.with_name("again.pdf")
    assert counter.json("certificate", "pdf", case, "--out", str(again))["events"] == []
    assert again.read_bytes() == out.read_bytes()
    third = out.with_name("third.pdf")
    counter.did("document", "pdf", said["number"], "--out", str(third))
    assert third.read_bytes() == out.read_bytes()
    (row,) = counter.json("document", "list")
    assert (row["number"], row["superseded_entry"]) == (said["number"], None)
    assert row["source"].startswith(case)
    assert said["number"] in counter.did("document", "list")
    counter.did("verify")
    counter.did("rebuild", "--check")


def test_a_certificate_is_still_printed_as_text(counter: Counter, case: str) -> None:
    for call in ((case,), ("show", case), ("--lang", "zh", case)):
        assert "销毁证明 / Certificate of destruction" in counter.did("certificate", *call)
    assert counter.json("certificate", case)["case"] == case


def test_verify_answers_by_its_exit_code(
    counter: Counter,
    case: str,
    out: Path,
) -> None:
    counter.did("certificate", "pdf", case, "--out", str(out))
    assert "genuine" in counter.did("certificate", "verify", str(out))
    said = counter.did("document", "verify", str(out), "--lang", "zh")
    assert "销毁证明" in said
    answer = counter.json("document", "verify", str(out), "--key", vkey(counter))
    assert (answer["verdict"], answer["offline"]) == ("genuine", True)
    forged = out.with_name("forged.pdf")
    data = bytearray(out.read_bytes())
    data[2000] ^= 1
    forged.write_bytes(data)
    result = counter.run("certificate", "verify", str(forged), "--lang", "en")
    assert result.exit_code == 3
    assert "forged: this is not what was issued" in result.stdout
    assert "(view_differs)" in result.stdout
    assert counter.run("document", "verify", str(forged), "--key", vkey(counter)).exit_code == 3
    assert counter.run("document", "verify", str(out.with_name("none.pdf"))).exit_code == 2
    assert counter.run("document", "verify", str(counter.home)).exit_code == 2


def test_verify_needs_no_passphrase_and_offline_no_ledger(
    counter: Counter,
    case: str,
    out: Path,
    tmp_path: Path,
) -> None:
    counter.did("certificate", "pdf", case, "--out", str(out))
    nothing: dict[str, str | None] = {"MUNIMENT_PASSPHRASE_FILE": None}
    assert counter.json("document", "verify", str(out), **nothing)["reasons"] == []
    key = tmp_path / "ledger.vkey"
    key.write_bytes(Path(vkey(counter)).read_bytes())
    elsewhere = {**nothing, "MUNIMENT_LEDGER": None}
    counter.did("document", "verify", str(out), "--key", str(key), **elsewhere)


def test_a_superseded_certificate_and_a_withdrawn_one(
    counter: Counter,
    case: str,
    out: Path,
) -> None:
    old = counter.json("certificate", "pdf", case, "--out", str(out))["number"]
    position = counter.json("status")["events"]
    newer = out.with_name("new.pdf")
    new = counter.json("certificate", "pdf", case, "--anew", "页面有误", "--out", str(newer))
    assert new["number"] > old
    result = counter.run("document", "verify", str(out), "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["replaced_by"] == new["number"]
    counter.did("document", "withdraw", new["number"], "--reason", "另案处理")
    assert counter.run("document", "verify", str(newer)).exit_code == 3
    assert "superseded" in counter.did("document", "list", "--lang", "en")
    rows = counter.json("document", "list", "--as-of", f"position:{position}")
    assert [(row["number"], row["superseded_entry"]) for row in rows] == [(old, None)]
    error = counter.error("document", "withdraw", old, "--reason", "再次", code=13)
    assert error["refusals"][0]["detail"] == "document_is_superseded"
    counter.error("document", "withdraw", "XH-20200101-0001", "--reason", "无", code=2)


def test_a_list_is_issued_from_the_approval_on(counter: Counter, out: Path) -> None:
    proposed = counter.proposed()
    counter.error("document", "issue", "destruction_list", proposed, "--out", str(out), code=2)
    assert not out.exists()
    approved = counter.approved(counter.records[1])
    counter.did("document", "issue", "destruction_list", approved, "--out", str(out))
    shown = counter.json("document", "list")[0]
    assert (shown["number"][:3], shown["kind"]) == ("QC-", "destruction_list")
    counter.executed(approved)
    assert counter.did("document", "verify", str(out)), "what comes later does not change it"


def check_not_compared(counter: Counter, file: Path) -> None:
    """The scenario is sealed: without the passphrase the answer says that it is not the whole."""
    nothing: dict[str, str | None] = {"MUNIMENT_PASSPHRASE_FILE": None}
    answer = counter.json("document", "verify", str(file), **nothing)
    assert (answer["verdict"], answer["reasons"]) == ("genuine", ["not_compared_with_the_ledger"])
    assert "(not_compared_with_the_ledger)" in counter.did(
        "document", "verify", str(file), **nothing
    )


def test_the_report_of_a_restore_drill(counter: Counter, out: Path, tmp_path: Path) -> None:
    disk, restored = tmp_path / "disk", tmp_path / "restored"
    for folder in (disk, restored):
        folder.mkdir()
    made = counter.json("backup", "create", str(disk), "--medium", "disk_external")
    backup = made["backups"][0]["backup"]
    call = ("document", "issue", "restore_drill_report", backup[-12:], "--out", str(out))
    counter.error(*call, code=2)
    for scenario in ("张三的电脑着火", "再练一次"):
        counter.did("backup", "drill", backup, "--into", str(restored), "--rto", "600",
                    "--scenario", scenario, "--participant", counter.people["sun"])  # fmt: skip
    said = counter.json(*call)
    assert said["number"].startswith("YL-")
    answer = counter.json("document", "verify", str(out))
    assert (answer["verdict"], answer["reasons"]) == ("genuine", [])
    counter.did("document", "verify", str(out), "--key", vkey(counter))
    check_not_compared(counter, out)
    file = subprocess.run(["pdftotext", "-layout", out, "-"], capture_output=True, check=True)
    shown = file.stdout.decode("utf-8")
    for words in ("恢复演练报告", "RTO target", "600", "摘要相符", backup, counter.people["sun"]):
        assert words in shown
    assert "张三" not in shown
    assert "再练" not in shown
    (row,) = counter.json("document", "list")
    first = f"{backup}/{int(row['source'].rpartition('/')[2]) - 1}"
    other = counter.json("document", "issue", "restore_drill_report", first, "--out",
                         str(out.with_name("first.pdf")))  # fmt: skip
    assert other["number"] != said["number"], "each drill has its own report"
    for number in (said["number"], other["number"]):
        again = out.with_name(f"{number}.pdf")
        counter.did("document", "pdf", number, "--out", str(again))


def test_nothing_is_written_over(counter: Counter, case: str, out: Path) -> None:
    out.write_text("鱼", encoding="utf-8")
    counter.error("certificate", "pdf", case, "--out", str(out), code=2)
    assert out.read_text("utf-8") == "鱼"
    counter.error("certificate", "pdf", case, "--out", str(out / "x" / "y.pdf"), code=2)
    assert counter.json("document", "list") == [], "and nothing was issued"


def test_help_and_the_other_commands_load_no_typesetter() -> None:
    code = (
        "import sys; sys.argv = ['muniment', *sys.argv[1:]]\n"
        "from ledger.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'typst', 'segno', 'pyhanko'} & set(sys.modules)), file=sys.stderr)"
    )
    for call in (("--help",), ("document", "--help"), ("certificate", "pdf", "--help")):
        run = subprocess.run([sys.executable, "-c", code, *call], capture_output=True, check=True)
        assert run.stderr.decode().splitlines()[-1] == "[]"


def test_what_is_not_installed_is_named(
    counter: Counter,
    case: str,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def missing(name: str, *arguments: Any) -> Any:
        if name.partition(".")[0] in ("typst", "segno"):
            raise ImportError(name)
        return real(name, *arguments)

    pages._compiler.cache_clear()
    monkeypatch.setattr(builtins, "__import__", missing)
    error = counter.error("certificate", "pdf", case, "--out", str(out), code=2)
    assert "muniment[pdf]" in error["remedy"]


# -- signed by the organisation -----------------------------------------------------------------


def pdfsig(data: bytes, folder: Path) -> str:
    file = folder / "signed.pdf"
    file.write_bytes(data)
    run = subprocess.run(["pdfsig", "-nocert", file], capture_output=True, check=False)
    return run.stdout.decode("utf-8")


def test_a_signature_is_valid_to_other_programs_and_the_document_stays_genuine(
    counter: Counter,
    case: str,
    out: Path,
    tmp_path: Path,
) -> None:
    key, passphrase = tmp_path / "seal.p12", tmp_path / "seal.txt"
    key.write_bytes(signing_key())
    passphrase.write_bytes(b"seal\n")
    plain = out.with_name("plain.pdf")
    counter.did("certificate", "pdf", case, "--out", str(plain))
    options = ("--signing-key", str(key), "--signing-passphrase-file", str(passphrase))
    assert counter.json("certificate", "pdf", case, "--out", str(out), *options)["signed"]
    assert out.read_bytes().startswith(plain.read_bytes()), "it is no part of the same bytes"
    said = pdfsig(out.read_bytes(), tmp_path)
    assert "Signature is Valid." in said
    assert "Total document signed" in said
    assert "ETSI.CAdES.detached" in said
    (signature,) = counter.json("document", "verify", str(out))["signatures"]
    assert signature["intact"]
    assert "洁净保洁" in counter.did("document", "verify", str(out), "--key", vkey(counter))
    passphrase.write_bytes(b"wrong\n")
    wrong = ("--out", str(out.with_name("x.pdf")), *options)
    counter.error("certificate", "pdf", case, *wrong, code=12)


def test_pyhanko_trusts_it_with_the_organisations_certificate(site: Site, tmp_path: Path) -> None:
    from asn1crypto.x509 import Certificate
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    key = ec.generate_private_key(ec.SECP256R1())
    root = Certificate.load(papers.a_certificate(key).public_bytes(Encoding.DER))
    data = sign(certificate(site, tmp_path / "合同").data, pem_key(key), never)
    (found,) = PdfFileReader(BytesIO(data), strict=True).embedded_signatures
    context = ValidationContext(trust_roots=[root], allow_fetching=False)
    status = validate_pdf_signature(found, context)
    assert status.intact
    assert status.valid
    assert status.trusted


def never() -> bytes:
    raise AssertionError("nobody asked for a passphrase")


def test_an_rsa_key_signs_too_and_other_keys_do_not(site: Site, tmp_path: Path) -> None:
    data = certificate(site, tmp_path / "合同").data
    key = rsa.generate_private_key(65537, 2048)
    signed = sign(data, pem_key(key), never)
    assert check_with_ledger(signed, site.ledger).verdict == "genuine"
    with pytest.raises(UsageError, match="P-256"):
        sign(data, pem_key(ec.generate_private_key(ec.SECP384R1())), never)
    with pytest.raises(UsageError, match="P-256"):
        sign(data, pem_key(ed25519.Ed25519PrivateKey.generate(), certified_by=False), never)
    with pytest.raises(UsageError, match="no certificate"):
        sign(data, pem_key(certified_by=False), never)
    for rubbish in (b"", b"\x30\x82", b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----"):
        with pytest.raises(KeyAccessError):
            sign(data, rubbish, lambda: b"")
    with pytest.raises(KeyAccessError):
        sign(data, signing_key(), lambda: b"wrong")


def test_two_signatures_one_behind_the_other(site: Site, tmp_path: Path) -> None:
    data = certificate(site, tmp_path / "合同").data
    once = sign(data, pem_key(), never)
    twice = sign(once, pem_key(), never)
    answer = check_with_ledger(twice, site.ledger)
    assert (answer.verdict, len(answer.signatures)) == ("genuine", 2)
    root: Any = pypdf.PdfReader(BytesIO(twice)).trailer["/Root"]
    assert not {"/Version", "/Extensions"} & set(root), "PDF/A-3 is PDF 1.7"


def over_the_page(data: bytes) -> bytes:
    """A note on the first page, in an update."""
    from pypdf.annotations import FreeText

    writer = pypdf.PdfWriter(BytesIO(data), incremental=True)
    writer.add_annotation(0, FreeText(text="VOID", rect=(50, 550, 200, 650)))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def seen_signature(data: bytes) -> bytes:
    """A signature that can be seen: words of its own over the page."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers

    from ledger.documents.pades import _signer
    from pyhanko.stamp import TextStampStyle  # isort: skip

    writer = IncrementalPdfFileWriter(BytesIO(data))
    box = fields.SigFieldSpec("Seen", box=(50, 550, 400, 700))
    signer = signers.PdfSigner(
        signers.PdfSignatureMetadata(field_name="Seen"), _signer(pem_key(), never),
        stamp_style=TextStampStyle(stamp_text="VOID"), new_field_spec=box,
    )  # fmt: skip
    out = BytesIO()
    signer.sign_pdf(writer, output=out)
    return out.getvalue()


FORGERIES: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("a note, then a signature", lambda data: sign(over_the_page(data), pem_key(), never)),
    ("a signature, then a note", lambda data: over_the_page(sign(data, pem_key(), never))),
    ("a signature that can be seen", seen_signature),
    ("a signature and more bytes", lambda data: sign(data, pem_key(), never) + b"\n%x\n%%EOF"),
    ("a signature cut out", lambda data: sign(data, pem_key(), never)[:-200] + b"\n%%EOF"),
]


@pytest.mark.parametrize(("name", "forge"), FORGERIES, ids=[name for name, _ in FORGERIES])
def test_a_signature_does_not_carry_anything_else_in(
    site: Site, tmp_path: Path, name: str, forge: Callable[[bytes], bytes]
) -> None:
    """Any self-made key makes a valid signature: it must not cover a changed page."""
    answer = check_with_ledger(forge(certificate(site, tmp_path / "合同").data), site.ledger)
    assert answer.verdict == "forged", name
    assert answer.reasons[0] in ("appended", "signature_broken")


def test_a_signature_with_one_changed_byte(site: Site, tmp_path: Path) -> None:
    data = certificate(site, tmp_path / "合同").data
    signed = bytearray(sign(data, pem_key(), never))
    at = signed.index(b"/Contents", len(data)) + 400
    signed[at : at + 2] = b"00" if signed[at : at + 2] != b"00" else b"11"
    answer = check_with_ledger(bytes(signed), site.ledger)
    assert (answer.verdict, tuple(answer.reasons)) == ("forged", ("signature_broken",))
