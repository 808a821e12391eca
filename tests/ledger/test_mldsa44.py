"""ML-DSA-44 as published by Wycheproof, context strings included."""

from __future__ import annotations

import json
from pathlib import Path

from ledger.errors import NoteError
from ledger.tlog import mldsa44

VECTORS = Path(__file__).parent.parent / "vectors" / "wycheproof" / "mldsa_44_verify_test.json"


def test_every_wycheproof_vector_has_the_published_result() -> None:
    count = 0
    for group in json.loads(VECTORS.read_bytes())["testGroups"]:
        public_key = bytes.fromhex(group["publicKey"])
        for test in group["tests"]:
            arguments = [bytes.fromhex(test.get(key, "")) for key in ("sig", "msg", "ctx")]
            try:
                mldsa44.verify(public_key, *arguments)
                answer = "valid"
            except NoteError:
                answer = "invalid"
            assert answer == test["result"], (test["tcId"], test["comment"])
            count += 1
    assert count == 180
