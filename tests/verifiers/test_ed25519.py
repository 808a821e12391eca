"""The browser says of every signature what the ledger says, by WebCrypto and without it."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ledger.errors import NoteError
from ledger.tlog import ed25519 as reference
from tests.ledger import edwards
from tests.ledger.signers import signer
from tests.ledger.test_ed25519 import wycheproof
from tests.ledger.test_offline_ed25519 import odd_encodings
from tests.verifiers.browserscript import BrowserScript

Probe = tuple[bytes, bytes, bytes]

# Plain arithmetic; then what WebCrypto learnt beforehand, and how many it did.
VERIFY = """async (probes) => {
  const jobs = probes.map((probe) => probe.map(text.unhex));
  const memory = new ed25519.Memory();
  await memory.learn(jobs);
  const accepts = (verify) => (job) => {
    try { verify(...job); return true; } catch (error) {
      if (!(error instanceof text.ValueError)) throw error;
      return false;
    }
  };
  return [jobs.map(accepts(ed25519.verify)), jobs.map(accepts(memory.verify)),
          memory._accepted.size];
}"""


def accepts(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        reference.verify(public, signature, message)
    except NoteError:
        return False
    return True


def agreed(script: BrowserScript, probes: Sequence[Probe]) -> list[bool]:
    """The answer of all of them to each; the test fails where they differ."""
    expected = [accepts(*probe) for probe in probes]
    written = [[part.hex() for part in probe] for probe in probes]
    plain, learnt, count = script.call(VERIFY, written)
    for probe, one, two, three in zip(written, expected, plain, learnt, strict=True):
        assert one == two == three, probe
    assert count == len({(p, s) for (p, s, m), held in zip(probes, expected, strict=True) if held})
    without, again, none = script.call(VERIFY, written, crypto=False)
    assert without == again == plain
    assert none == 0
    return expected


def test_every_wycheproof_vector_has_the_published_result(script: BrowserScript) -> None:
    vectors = [
        ((key, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])), test["result"] == "valid")
        for _, key, test in wycheproof()
    ]
    assert agreed(script, [probe for probe, _ in vectors]) == [valid for _, valid in vectors]


def test_keys_of_small_order_or_odd_form_are_refused_before_any_library_sees_them(
    script: BrowserScript,
) -> None:
    good = signer("offline.example")
    signature, probes = good.sign(b"m"), []
    for encoding in odd_encodings():
        probes += [
            (encoding, signature, b"m"),
            (encoding, encoding + bytes(32), b"m"),
            (good.verifier.public, encoding + signature[32:], b"m"),
        ]
    assert not any(agreed(script, probes))


def test_the_gate_for_keys_is_the_same(script: BrowserScript) -> None:
    check = """(keys) => keys.map((key) => {
      try { ed25519.checkPublicKey(text.unhex(key)); return true; } catch { return false; }
    })"""
    keys = [*odd_encodings(), b"", bytes(31), bytes(33), signer("a.example").verifier.public]
    found = script.call(check, [key.hex() for key in keys])
    expected = []
    for key in keys:
        try:
            reference.check_public_key(key)
            expected.append(True)
        except NoteError:
            expected.append(False)
    assert found == expected
    assert True in found


def test_keys_and_points_with_a_component_of_small_order_are_judged_without_the_cofactor(
    script: BrowserScript,
) -> None:
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    draw = random.Random(seed)
    probes: list[Probe] = []
    for number in range(60):
        secret, nonce = draw.randrange(1, edwards.L), draw.randrange(1, edwards.L)
        message = draw.randbytes(draw.randrange(40))
        torsion = draw.randrange(8), draw.randrange(8) * (number & 1)
        probes.append((*edwards.forge(secret, nonce, message, *torsion), message))
    answers = agreed(script, probes)
    assert any(answers)
    assert not all(answers)


def test_s_is_below_the_group_order_and_lengths_are_exact(script: BrowserScript) -> None:
    good = signer("offline.example")
    public, signature = good.verifier.public, good.sign(b"m")
    s = int.from_bytes(signature[32:], "little")
    probes = [
        (public, signature[:32] + twin.to_bytes(32, "little"), b"m")
        for twin in (s + edwards.L, edwards.L, edwards.L - 1, 2**256 - 1)
    ]
    probes += [((public * 3)[:n], signature, b"m") for n in (0, 31, 33, 63, 65)]
    probes += [(public, (signature * 2)[:n], b"m") for n in (0, 31, 32, 33, 63, 65)]
    assert not any(agreed(script, probes))


def test_random_signatures_hold_and_fail_with_any_changed_bit(script: BrowserScript) -> None:
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    draw, probes = random.Random(seed), []
    for _ in range(80):
        good = signer(f"offline{draw.randrange(8)}.example")
        message = draw.randbytes(draw.randrange(2000))
        probes.append((good.verifier.public, good.sign(message), message))
        parts = [bytearray(part) for part in (*probes[-1][:2], message + b".")]
        damaged = draw.choice(parts)
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        probes.append((bytes(parts[0]), bytes(parts[1]), bytes(parts[2])))
    assert agreed(script, probes) == [True, False] * 80


def test_a_webcrypto_that_accepts_more_is_left_aside(script: BrowserScript) -> None:
    """Some libraries multiply by the cofactor, some accept anything under a weak key."""
    learn = """async (probes, answers) => {
      const jobs = probes.map((probe) => probe.map(text.unhex));
      let asked = 0;
      const subtle = {
        importKey: async (...rest) => rest[1],
        verify: async (_, key, signature, message) => {
          asked++;
          return answers === "all" || (answers === "cofactor"
            && ["d75a98", "837b2a", "33a735"].includes(text.hex(key).slice(0, 6)));
        },
      };
      const memory = new ed25519.Memory(subtle);
      await memory.learn(jobs);
      return [memory._accepted.size, asked];
    }"""
    good = signer("offline.example")
    forged = [[good.verifier.public.hex(), good.sign(b"m").hex(), b"other".hex()]]
    for answers in ("all", "cofactor"):
        accepted, asked = script.call(learn, forged, answers)
        assert (accepted, asked) == (0, 2), answers  # nothing beyond the first probes was asked
    accepted, asked = script.call(learn, forged, "none")
    assert (accepted, asked) == (0, 1)


def test_a_webcrypto_that_knows_no_ed25519_or_fails_changes_no_answer(
    script: BrowserScript,
) -> None:
    learn = """async (probe, kind) => {
      const subtle = {
        importKey: async () => { throw new DOMException("no", "NotSupportedError"); },
        verify: async () => { throw new Error("broken"); },
      };
      const memory = new ed25519.Memory(kind ? subtle : undefined);
      const job = probe.map(text.unhex);
      await memory.learn([job]);
      memory.verify(...job);
      return memory._accepted.size;
    }"""
    good = signer("offline.example")
    probe = [good.verifier.public.hex(), good.sign(b"m").hex(), b"m".hex()]
    assert script.call(learn, probe, True) == 0
    assert script.call(learn, probe, False, crypto=False) == 0


def test_what_was_learnt_of_one_message_says_nothing_of_another(script: BrowserScript) -> None:
    confuse = """async (probe, other) => {
      const memory = new ed25519.Memory();
      const [key, signature, message] = probe.map(text.unhex);
      await memory.learn([[key, signature, message]]);
      memory.verify(key, signature, message);
      try { memory.verify(key, signature, text.unhex(other)); return "accepted"; } catch {
        return memory._accepted.size;
      }
    }"""
    good = signer("offline.example")
    probe = [good.verifier.public.hex(), good.sign(b"m").hex(), b"m".hex()]
    assert script.call(confuse, probe, b"n".hex()) == 1
