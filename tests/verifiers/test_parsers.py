"""What Python reads, the browser reads; what Python refuses, it refuses."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.offline import bag, disclosed, events, findings, merkle, notes, trust, x509
from ledger.offline.findings import Flaw
from tests import corpus
from tests.ledger.signers import signer
from tests.verifiers.browserscript import BrowserScript

VECTORS = Path(__file__).parents[1] / "vectors"
JSON_FILES = sorted((VECTORS / "json").rglob("*.json"))

REFUSED = "refused"

# Calls a function, and tells of what it refuses that it does.
ASK = """(inputs, bytes) => inputs.map((input) => {
  try { return %s; } catch (error) {
    if (!(error instanceof text.ValueError || error instanceof findings.Flaw)) throw error;
    return "refused";
  }
})"""


def asked(script: BrowserScript, expression: str, inputs: list[Any]) -> list[Any]:
    found: list[Any] = script.call(ASK % expression, inputs)
    return found


def in_python(function: Any, data: Any) -> Any:
    try:
        return function(data)
    except (ValueError, Flaw):
        return REFUSED


# -- JSON -----------------------------------------------------------------------------------------


def canonical(texts: bool) -> Any:
    def read(data: bytes) -> str:
        value = events.parse_canonical(data, texts=texts)
        return events.format_file(value).decode("ascii")

    return read


def same_json(script: BrowserScript, inputs: list[bytes]) -> int:
    """How many are accepted, by both, with the same content."""
    accepted = 0
    for texts in (False, True):
        expression = (
            f"text.ascii(events.formatFile(events.parseCanonical(text.unhex(input), "
            f"{str(texts).lower()})))"
        )
        found = asked(script, expression, [data.hex() for data in inputs])
        expected = [in_python(canonical(texts), data) for data in inputs]
        for data, one, two in zip(inputs, found, expected, strict=True):
            assert one == two, (data, texts)
        accepted += sum(one != REFUSED for one in found)
    return accepted


def test_the_json_test_suites_of_others(script: BrowserScript) -> None:
    inputs = [path.read_bytes() for path in JSON_FILES]
    assert len(inputs) > 300
    same_json(script, [*inputs, *(data.strip() for data in inputs)])


HARD = [
    *rb"""
1.0 1e5 -0 0 -1 00 01 1E0 9007199254740991 9007199254740992 -9007199254740991 -9007199254740992
9007199254740993 99999999999999999 123456789012345678901234567890 0.5 NaN Infinity -Infinity null
true false tru {"a":1,"a":1} {"a":1,"b":2} {"b":1,"a":2} {"a":1,} [1,] [,] [] {} [[[[[[[[]]]]]]]]
[[[[[[[[[]]]]]]]]] {"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}} "\/" "\u0041" "\u00e9" "\u00E9"
"\ud83d\ude00" "\ud83d" "\ude00\ud83d" "\n" "\u000a" "\u007f" "\b\f\r\t" "\v" "\"" "\\" "\u005c" " "
"\u001f" "\ud83dx" {"\u00e9":1} {"__proto__":1} {"constructor":{"prototype":1}} {"10":1,"9":2}
{"9":1,"10":2} {"A":1,"a":2} {"a":1,"A":2} {"":1} {"":1,"a":2} 'a' [1 2] {"a" 1} {"a":} "a [ ] } {
[true,false] [nul] {"a":-} - + .5 1. "\u" "\u12" "\x41" [1][1] 1 2 "a""b" {"a":[{"b":[1,"x"]}]}
""".split(),
    b"", b" ", b"[1, 2]", b'"\x7f"', b'"\xff"', "é".encode(), b"\n", b"1\n", b'"a\nb"', b'{"a": 1}',
    b'"' + b"\\" * 3 + b'"', b"[" * 100_000, b'{"a":' * 50_000,
]  # fmt: skip


def test_numbers_keys_and_escapes_that_other_parsers_let_pass(script: BrowserScript) -> None:
    assert same_json(script, HARD) > 30


def test_any_value_and_any_damage_to_it_is_read_alike(script: BrowserScript) -> None:
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    draw, inputs = random.Random(seed), []
    for _ in range(1500):
        written = json.dumps(_value(draw, 4), sort_keys=True, separators=(",", ":")).encode()
        inputs.append(written)
        damaged = bytearray(written)
        for _ in range(draw.randrange(1, 3)):
            at = draw.randrange(len(damaged) + 1)
            damaged[at : at + draw.randrange(3)] = draw.choice(_PIECES)
        inputs.append(bytes(damaged))
    assert same_json(script, inputs) > 1500


_PIECES = [
    b"", b"0", b"-", b".", b"e", b'"', b"\\", b"\\u00e9", b"\\ud83d", b"\\n", b",", b":", b"[",
    b"]", b"{", b"}", b" ", b"true", b"null", b"\x7f", b"\xc3\xa9", b"9" * 17,
]  # fmt: skip


def _value(draw: random.Random, depth: int) -> object:
    kind = draw.randrange(7 if depth else 4)
    if kind == 0:
        return draw.choice([0, 1, -1, 2**53 - 1, -(2**53) + 1, draw.randrange(-(10**6), 10**15)])
    if kind == 1:
        return draw.random() < 0.5
    if kind in (2, 3):
        letters = draw.choice(["abc _/\\\"'~", "aé\U0001f600\n\x00\x7f\u2028\ue000\ufeff", "az"])
        return "".join(draw.choice(letters) for _ in range(draw.randrange(6)))
    if kind == 4:
        return [_value(draw, depth - 1) for _ in range(draw.randrange(4))]
    return {
        "".join(draw.choice('abAB019_ "\\') for _ in range(draw.randrange(4))): _value(
            draw, depth - 1
        )
        for _ in range(draw.randrange(5))
    }


# -- text as Python has it ------------------------------------------------------------------------

STRANGE = ["", "a", "A", "é", "e\u0301", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff",
           "a\U0001f600", "a\uffff", "合同", "\x00", "\x7f", "ab", "aB",
           "\U0001f600\U0001f601"]  # fmt: skip


def test_texts_are_ordered_by_code_points(script: BrowserScript) -> None:
    """JavaScript alone would put U+1F600 before U+FFFF."""
    pairs = [one + other for one in STRANGE for other in STRANGE]
    assert script.call("(list) => list.sort(text.order)", pairs) == sorted(pairs)
    assert sorted(pairs) == sorted(pairs, key=lambda one: one.encode("utf-8"))


def test_values_are_shown_as_python_shows_them(script: BrowserScript) -> None:
    values = ["a", "a'b", 'a"b', "a'\"b", "\\", 1, -1, True, False, [], {}, ["a", 1, [True]],
              {"a": {"c": False}, "b": ["x'"]}]  # fmt: skip
    assert script.call("(list) => list.map(text.str)", values) == [str(one) for one in values]


def test_what_is_hashed_and_written_in_base64(script: BrowserScript) -> None:
    draw = random.Random(1)
    inputs = [draw.randbytes(n) for n in (*range(200), 1000, 65_536)]
    call = """(list) => list.map((one) => text.unhex(one)).map((one) =>
      [sha256.hexdigest(one), text.hex(sha512.digest(one)), text.hex(sha512.digest384(one)),
       notes.encodeBase64(one)])"""
    assert script.call(call, [one.hex() for one in inputs]) == [
        [hashlib.sha256(one).hexdigest(), hashlib.sha512(one).hexdigest(),
         hashlib.sha384(one).hexdigest(), notes.encode_base64(one)]
        for one in inputs
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["file", "event", "expected"])
def test_what_is_not_plain_is_shown_as_its_hash(script: BrowserScript, kind: str) -> None:
    values = ["", "王某", "data/10_账本/scope.json", "data/10_账本/scope.json\n", "12", "ab" * 32,
              "AB" * 32, "2026-11-21T09:30:00.000Z", "2026-11-21T09:30:00Z", "bagit.txt",
              "record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e/1", "\U0001f600", "\ufeff",
              "data/30_附件/files/1.x",
              "record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e\n", "verify/verify.html"]  # fmt: skip
    call = (
        f"(list) => list.map((one) => findings.finding('digest_differs', {{{kind}: one}}).{kind})"
    )
    shown = [getattr(findings.finding("digest_differs", **{kind: one}), kind) for one in values]
    assert script.call(call, values) == shown
    assert any(one.startswith("sha256:") for one in shown)


def test_half_a_character_is_hashed_too(script: BrowserScript) -> None:
    lone = "a\ud800b\udfff"
    shown = findings.finding("digest_differs", file=lone).file
    call = (
        "(units) => findings.finding('digest_differs', {file: String.fromCharCode(...units)}).file"
    )
    assert script.call(call, [ord(one) for one in lone]) == shown


# -- names ----------------------------------------------------------------------------------------


def test_file_names_are_judged_alike(script: BrowserScript) -> None:
    names = ["a", "a/b", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a\\b", "a%2fb", "a:b",
             "a\x00", "a\x1f", "a\x7f", "a\x85", "a\x9f", "a\xa0", "é", "e\u0301", "合同", "\u212b",
             "\uac00", "\u1100\u1161", "x" * 512, "x" * 513, "合" * 170, "合" * 171, "\U0001f600",
             "a\u2028b", "a\ufeff", "\ufb01", "\u0344", "...", "a b", "\u2126"]  # fmt: skip
    expected = [in_python(bag.check_name, name) for name in names]
    found = asked(script, "bag.checkName(input) ?? null", names)
    assert found == expected
    assert expected.count(REFUSED) > 15


# -- Merkle trees ---------------------------------------------------------------------------------


def test_inclusion_and_consistency_of_all_small_trees_and_huge_ones(
    script: BrowserScript,
) -> None:
    """Proofs of any length against any index and size, right and wrong ones."""
    draw = random.Random(2)
    sizes = [*range(12), 2**31, 2**31 + 1, 2**32, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1]
    probes = []
    for size in sizes:
        for index in {*range(min(size + 2, 14)), size - 1, size, size // 2}:
            for length in {0, 1, 2, 3, (index ^ (size - 1)).bit_length(), 31, 53, 62}:
                if index >= 0:
                    hashes = [draw.randbytes(32).hex() for _ in range(max(length, 0))]
                    probes.append([str(index), str(size), hashes])

    def included(probe: list[Any]) -> str:
        index, size, hashes = int(probe[0]), int(probe[1]), [bytes.fromhex(h) for h in probe[2]]
        return _root(lambda root: merkle.verify_inclusion(index, size, bytes(32), hashes, root))

    def consistent(probe: list[Any]) -> str:
        index, size, hashes = int(probe[0]), int(probe[1]), [bytes.fromhex(h) for h in probe[2]]
        return _root(lambda root: merkle.verify_consistency(index, size, bytes(32), root, hashes))

    for name, python in (("Inclusion", included), ("Consistency", consistent)):
        call = _MERKLE % (
            "merkle.verifyInclusion(index, size, leaf, hashes, root)"
            if name == "Inclusion"
            else "merkle.verifyConsistency(index, size, leaf, root, hashes)"
        )
        assert script.call(call, probes) == [python(probe) for probe in probes], name


_MERKLE = """(probes) => probes.map(([one, two, list]) => {
  const index = text.integer(one), size = text.integer(two), hashes = list.map(text.unhex);
  const leaf = new Uint8Array(32), root = new Uint8Array(32);
  try { %s; return "accepted"; } catch (error) { return error.message; }
})"""


def _root(verify: Any) -> str:
    try:
        verify(bytes(32))
    except ValueError as error:
        return str(error)
    return "accepted"


def test_good_proofs_are_accepted_and_none_with_a_changed_bit(script: BrowserScript) -> None:
    from ledger.tlog.merkle import consistency_proof, inclusion_proof, leaf_reader, tree_root

    call = """(probes) => probes.map(([kind, one, two, list, left, right]) => {
      const hashes = list.map(text.unhex), [a, b] = [left, right].map(text.unhex);
      try {
        if (kind) merkle.verifyInclusion(one, two, a, hashes, b);
        else merkle.verifyConsistency(one, two, a, b, hashes);
        return true;
      } catch { return false; }
    })"""
    draw = random.Random(3)
    probes: list[tuple[int, int, int, list[bytes], bytes, bytes]] = []
    for size in range(1, 40):
        leaves = [draw.randbytes(32) for _ in range(size)]
        read = leaf_reader(leaves)
        for at in range(size):
            proof = inclusion_proof(at, size, read)
            probes.append((1, at, size, proof, leaves[at], tree_root(leaves)))
            if at:
                shown = consistency_proof(at, size, read)
                probes.append((0, at, size, shown, tree_root(leaves[:at]), tree_root(leaves)))
    written: list[list[Any]] = [
        [k, a, b, [h.hex() for h in p], x.hex(), y.hex()] for k, a, b, p, x, y in probes
    ]
    assert all(script.call(call, written))
    for probe in written:
        which = draw.randrange(3 if probe[3] else 2)
        if which == 2:
            at = draw.randrange(len(probe[3]))
            probe[3][at] = _flipped(draw, probe[3][at])
        else:
            probe[4 + which] = _flipped(draw, probe[4 + which])
    assert not any(script.call(call, written))


def _flipped(draw: random.Random, text: str) -> str:
    number = int(text, 16) ^ 1 << draw.randrange(256)
    return f"{number:064x}"


# -- notes ----------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """A parsed note as JSON shows it, key ids and bytes in hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return [plain(one) for one in value]
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, int) else value


FIELDS = {
    "parseVkey": "[x.name, x.keyId, x.public]",
    "parseNote": "[x.text, x.lines.map((l) => [l.name, l.keyId, l.signature])]",
    "parseProof": "[String(x.leaf), x.hashes, x.note]",
    "parseEntry": """[x.accepted, x.note, [x.commit.origin, String(x.commit.events), x.commit.root,
      String(x.commit.seenSize), x.commit.seenRoot,
      x.commit.signers.map((s) => [s.name, s.keyId, s.capacity]), x.commit.text,
      x.commit.lines.map((l) => [l.name, l.keyId, l.signature])]]""",
    "parseExporter": """[x.origin, x.bundle, x.manifest, x.tagManifest, String(x.size), x.root,
      x.scope, x.exported, x.name, x.keyId, x.text,
      [x.line.name, x.line.keyId, x.line.signature]]""",
}


def read_alike(script: BrowserScript, name: str, python: Any, inputs: list[bytes]) -> int:
    """How many of the inputs both accept, with the same content."""
    given = "text.utf8(text.unhex(input))" if name == "parseVkey" else "text.unhex(input)"
    hexed = "(v) => v instanceof Uint8Array ? text.hex(v) : Array.isArray(v) ? v.map(h) : v"
    expression = (
        f"(() => {{ const h = {hexed}; const x = notes.{name}({given}); "
        f"return h({FIELDS[name]}); }})()"
    )
    found = asked(script, expression, [data.hex() for data in inputs])
    for data, one in zip(inputs, found, strict=True):
        value = in_python(python, data)
        assert one == (value if value == REFUSED else plain(value)), data
    return sum(one != REFUSED for one in found)


def damaged(draw: random.Random, data: bytes) -> bytes:
    pieces = [b"\n", b"\n\n", b" ", b"+", b"0", b"9" * 19, b"=", "— ".encode(), b"\xff",
              b"\xc2\x85", b"\xc2\xa0", "\u3000".encode(), b"\x00", b"\r", b"A", b"/commit/",
              b"seen "]  # fmt: skip
    changed = bytearray(data)
    for _ in range(draw.randrange(1, 3)):
        at = draw.randrange(len(changed) + 1)
        changed[at : at + draw.randrange(3)] = draw.choice(pieces)
    return bytes(changed)


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"parseVkey"}))
def test_notes_entries_and_proofs_are_read_alike_whatever_befell_them(
    script: BrowserScript, cases: dict[str, Any], name: str
) -> None:
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    draw = random.Random(seed)
    ending, python = {
        "parseNote": (".txt", notes.parse_note),
        "parseProof": (".tlog-proof", notes.parse_proof),
        "parseEntry": (".entry", notes.parse_entry),
        "parseExporter": ("exporter.note", notes.parse_exporter),
    }[name]
    files = cases["full"].files
    good = [data for file, data in sorted(files.items()) if file.endswith(ending)]
    inputs = [damaged(draw, draw.choice(good)) for _ in range(1500)]
    accepted = read_alike(script, name, python, good + inputs)
    assert accepted >= len(good) - (2 if name == "parseNote" else 0)  # manifests are no notes


def test_verifier_keys_are_read_alike(script: BrowserScript) -> None:
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    draw = random.Random(seed)
    good = signer("offline.example").verifier.format().encode()
    inputs = [good, b"", b"+", b"a+b+c", good + b"\n", b" " + good, good * 200]
    inputs += [damaged(draw, good) for _ in range(800)]
    inputs = [one for one in inputs if _is_text(one)]
    assert read_alike(script, "parseVkey", lambda d: notes.parse_vkey(d.decode()), inputs) >= 1


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def test_white_space_around_a_key_is_what_python_calls_so(script: BrowserScript) -> None:
    edges = [chr(code) for code in (*range(256), 0x1680, *range(0x2000, 0x2030), 0x205F, 0x3000,
                                    0xFEFF, 0x180E, 0x200B)]  # fmt: skip
    inputs = [edge + "a" + edge for edge in edges]
    assert script.call("(list) => list.map(notes.strip)", inputs) == [i.strip() for i in inputs]


def test_certificates_are_found_alike(script: BrowserScript) -> None:
    begin, end = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"
    root = next(root for one in corpus.trusts().values() for root in one.roots)
    good = x509.pem(root)
    body = good.removeprefix(begin).removesuffix(end)
    bodies = [body, body.replace(b"\n", b"\r\n"), body.replace(b"\n", b""), body + body,
              b"\n\n" + body, b"=" + body, body + b"====", body[:-2] + b"\n", b" " + body, b"M\n",
              b"=\n", b"MAA=\n", b"MAA\n", b"====\n", b"", b"M=AA\n"]  # fmt: skip
    inputs = [begin + one + end for one in bodies]
    inputs += [root, root + b"\0", root[:-1], b"\x30\x00", b"", b"no", good * 3, b"x" + good,
               b"\xff" + good, good + begin, good * 1000, good * 1001]  # fmt: skip
    key = signer("example.com/ledger").verifier.format()
    expression = f"trust.parseTrust('{key}', [], [text.unhex(input)]).tsaRoots.map(text.hex)"
    found = asked(script, expression, [one.hex() for one in inputs])
    expected = [in_python(lambda one: trust.parse_trust(key, (), [one]), data) for data in inputs]
    assert found == [e if e == REFUSED else [c.hex() for c in e.tsa_roots] for e in expected]
    assert 10 < found.count(REFUSED) < len(found) - 8


@given(origin=st.text(max_size=8), path=st.text(max_size=8), value=st.text(max_size=30))
def test_a_sealed_field_has_one_commitment(
    script: BrowserScript, origin: str, path: str, value: str
) -> None:
    call = """(origin, path, value) =>
      text.hex(disclosed.commitment(origin, "record-1/1", path, new Uint8Array(32), value))"""
    expected = disclosed.commitment(origin, "record-1/1", path, bytes(32), value).hex()
    assert script.call(call, origin, path, value) == expected


def test_base64_has_one_form(script: BrowserScript) -> None:
    """Stray bits behind the last byte, padding in the middle, and what decoders skip."""
    inputs = ["", "MA==", "MB==", "MAA=", "MAB=", "MAAA", "M===", "====", "=", "MA=", "MA", "M",
              "MA==MA==", "MAA\n", " MAA=", "MA-_", "é", "MAA=\n", "//8=", "//9=",
              "AB+/"]  # fmt: skip
    found = asked(script, "text.hex(notes.base64(input))", inputs)
    expected = [in_python(notes._base64, one) for one in inputs]
    assert found == [one if one == REFUSED else one.hex() for one in expected]
    assert found.count(REFUSED) > 10


def test_the_digest_of_what_is_shown_does_not_depend_on_the_order_of_files(
    script: BrowserScript,
) -> None:
    rows = [["record-2/1", "b", "clear", ""], ["record-1/2", "\U0001f600", "sealed", "b"],
            ["record-1/2", "\U0001f600", "sealed", "a"], ["record-1/2", "\uffff", "clear", ""],
            ["record-1/10", "a", "redacted", "a"]]  # fmt: skip
    call = """(rows) => {
      const shown = new disclosed.Disclosed({ shipped: [] }, null, "");
      shown._contents.attached = rows.map(([event, path, kind, reason]) =>
        ({ event, path, kind, ...reason && { reason } }));
      shown.openings = rows.map(([event, path]) => ({ event, path }));
      return shown.selection();
    }"""
    wanted = {
        "attachments": sorted(rows), "openings": sorted(row[:2] for row in rows), "redactions": [],
    }  # fmt: skip
    digest = hashlib.sha256(events.format_file(wanted)).hexdigest()
    assert script.call(call, rows) == script.call(call, rows[::-1]) == digest
