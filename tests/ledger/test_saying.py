"""What a document may say: codes, ids, digests and numbers, and nothing that somebody typed."""

from __future__ import annotations

from domain.privacy import looks_personal
from ledger.documents.saying import _plain

LIKE_A_NUMBER = "0" * 20 + "a13812345678b" + "0" * 31
AN_ID = "holding-01a203be-5cc9-7c38-9a1c-a19667650278"


def test_digests_and_ids_whose_digits_look_like_a_telephone_number_are_said() -> None:
    """One in 140 digests does; without it a genuine list did not have the root that it names."""
    for value in (LIKE_A_NUMBER, AN_ID, f"{AN_ID}/3"):
        assert looks_personal(value)
        assert _plain({"value": [value]}) == {"value": [value]}


def test_what_only_looks_like_a_code_and_is_a_telephone_number_is_not() -> None:
    assert _plain({"code": "13812345678", "other": "contract"}) == {"other": "contract"}
