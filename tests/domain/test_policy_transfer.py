"""What each deal structure asks for: the path that the law takes, and what the pack may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

import domain
from domain.codes import ENUMERATIONS
from domain.policy import Policy, PolicyError, parse_policy

PACK = (Path(domain.__file__).parent / "policies" / "cn-default-2026.toml").read_text("utf-8")
OLDER = Path(__file__).parent.parent / "vectors" / "policies" / "cn-default-2026-1.1.0.toml"

PATHS = """
equity_transfer          none        none    -               rekey
merger                   succession  art_22  pipia
division                 succession  art_22  pipia
dissolution              succession  art_22  pipia
bankruptcy               succession  art_22  pipia
asset_or_store_transfer  provision   art_23  pipia consent sensitive guardian
partner_exchange         provision   art_23  pipia consent sensitive guardian
entrusted                entrusted   none    pipia agreement returns
joint                    joint       art_23  pipia consent sensitive guardian agreement
due_diligence            disclosure  art_23  pipia consent sensitive guardian returns
"""
"""Mode, path, notice, and all that it asks for besides."""

CITED = {
    "equity_transfer": [],
    "merger": ["22"],
    "asset_or_store_transfer": ["23", "29", "31", "55"],
    "entrusted": ["21", "55", "59"],
    "joint": ["20", "23"],
    "due_diligence": ["6", "23", "29", "31", "55"],
}
"""Articles of the Personal Information Protection Law that a mode stands on, at least."""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse_policy(PACK.encode())


def test_each_structure_takes_the_path_that_the_law_gives_it(policy: Policy) -> None:
    flags = ("consent", "sensitive", "guardian", "agreement", "pipia", "rekey", "returns")
    found = {
        mode: (asked.path, asked.notice, {flag for flag in flags if getattr(asked, flag)})
        for mode, asked in policy.transfer.items()
    }
    expected = {
        mode: (path, notice, set(asked) - {"-"})
        for mode, path, notice, *asked in map(str.split, PATHS.strip().splitlines())
    }
    assert found == expected


def test_sharing_within_a_firm_and_what_authorities_order_is_no_deal(policy: Policy) -> None:
    others = set(ENUMERATIONS["TransferMode"].codes) - set(policy.transfer)
    assert others == {"internal_share", "authority_or_court", "individual_portability"}


def test_only_an_equity_sale_and_a_disclosure_hand_nothing_over(policy: Policy) -> None:
    assert {mode for mode, asked in policy.transfer.items() if not asked.hands_over} == {
        "equity_transfer",
        "due_diligence",
    }


def test_what_is_asked_for_cites_the_law(policy: Policy) -> None:
    for mode, articles in CITED.items():
        cited = {c.article for c in policy.transfer[mode].basis if c.statute == "pipl"}  # type: ignore[index]
        assert cited >= set(articles), mode


def test_what_is_only_read_about_is_marked_so(policy: Policy) -> None:
    """That articles 22 and 23 do not speak of an equity sale is an author's reading."""
    (reading,) = [c for c in policy.transfer["equity_transfer"].basis if c.statute == "pipl"]
    assert reading.evidence == "S"


def test_the_pack_shows_backup_and_training_and_blocks_nothing_for_them(policy: Policy) -> None:
    assert (policy.gates.backup, policy.training.mode) == ("warn", "warn")


def test_a_pack_of_before_deals_knows_none() -> None:
    older = parse_policy(OLDER.read_bytes())
    assert older.transfer == {}
    assert older.gates.backup == "warn"


def changed(mode: str, old: str, new: str) -> bytes:
    """The pack with something else in the table of one mode."""
    start = PACK.index(f"[transfer.{mode}]")
    end = PACK.index("\n\n", start)
    table = PACK[start:end]
    assert old in table
    return (PACK[:start] + table.replace(old, new, 1) + PACK[end:]).encode()


@pytest.mark.parametrize(
    ("mode", "old", "new", "cause"),
    [
        ("merger", "[transfer.merger]", "[transfer.marriage]", "marriage"),
        ("merger", '"succession"', '"sale"', "sale"),
        ("merger", '"art_22"', '"none"', "article 22 belongs to succession"),
        ("merger", '"art_22"', '"art_24"', "art_24"),
        ("joint", '"art_23"', '"art_22"', "article 22 belongs to succession"),
        ("partner_exchange", '"art_23"', '"none"', "nobody consents to what was not told"),
        ("partner_exchange", "consent = true", "consent = false", "without consent"),
        ("entrusted", "agreement = true", "agreement = false", "without an agreement"),
        ("joint", "agreement = true", "agreement = false", "without an agreement"),
        ("due_diligence", "returns = true", "", "what is only disclosed goes back"),
        ("merger", 'article = "22"', 'article = ""', "length >= 1"),
        ("merger", 'version = "2021-08-20"', 'version = "2020-08-20"', "the pack has version"),
        ("merger", "pipia = true", "pipia = true\nfee = 1", "unknown field `fee`"),
        ("merger", "pipia = true\n", "", "missing required field `pipia`"),
    ],
)
def test_a_table_that_contradicts_itself_or_the_law_is_refused(
    mode: str, old: str, new: str, cause: str
) -> None:
    with pytest.raises(PolicyError, match=cause):
        parse_policy(changed(mode, old, new))


def test_a_gate_is_shown_or_blocks() -> None:
    with pytest.raises(PolicyError, match="'maybe'"):
        parse_policy(PACK.replace('backup = "warn"', 'backup = "maybe"').encode())
    strict = parse_policy(PACK.replace('backup = "warn"', 'backup = "block"').encode())
    assert strict.gates.backup == "block"
