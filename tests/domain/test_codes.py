"""Codes are frozen: what a stored event says must read the same in thirty years."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from domain import codes
from domain.codes import ENUMERATIONS, AccessOutcome, Enumeration, RecordCategory, covers, label
from domain.values import Code as CodeText

CATALOGUE = Path(__file__).parent.parent / "vectors" / "catalog"
STUDIED: dict[str, Any] = json.loads((CATALOGUE / "enums.json").read_text("utf-8"))
OWN: dict[str, list[str]] = json.loads((CATALOGUE / "own_enums.json").read_text("utf-8"))

every_enumeration = pytest.mark.parametrize("known", ENUMERATIONS.values(), ids=list(ENUMERATIONS))


@every_enumeration
def test_the_type_and_the_registry_hold_the_same_codes(known: Enumeration) -> None:
    assert get_args(getattr(codes, known.name)) == known.codes


@every_enumeration
def test_every_code_fits_the_alphabet_of_events(known: Enumeration) -> None:
    for value in known.values:
        assert msgspec.convert(value.code, CodeText)
    assert len(set(known.codes)) == len(known.values)


@every_enumeration
def test_every_code_has_both_labels_and_no_label_stands_twice(known: Enumeration) -> None:
    for texts in ([v.zh for v in known.values], [v.en for v in known.values]):
        assert all(text and text == text.strip() for text in texts)
        assert len(set(texts)) == len(texts)
    assert known.title_zh
    assert known.title_en.isascii()


def test_every_enumeration_is_in_one_of_the_two_frozen_lists() -> None:
    assert len(STUDIED) == 31
    assert sum(len(enumeration["values"]) for enumeration in STUDIED.values()) == 309
    assert not set(STUDIED) & set(OWN)
    assert set(ENUMERATIONS) == set(STUDIED) | set(OWN)


@pytest.mark.parametrize("name", STUDIED)
def test_the_catalogue_of_the_study_is_taken_over_unchanged(name: str) -> None:
    expected = [(value["code"], value["zh"], value["en"]) for value in STUDIED[name]["values"]]
    assert [(value.code, value.zh, value.en) for value in ENUMERATIONS[name].values] == expected


@pytest.mark.parametrize("name", OWN)
def test_the_enumerations_added_by_muniment_are_frozen(name: str) -> None:
    assert list(ENUMERATIONS[name].codes) == OWN[name]


def test_a_part_of_a_category_names_a_parent_that_exists() -> None:
    known = ENUMERATIONS["RecordCategory"].codes
    for code in known:
        parent = code.split(".")[0]
        assert parent in known
        assert covers(parent, code)
    assert not covers("service", "transaction.after_sales")
    assert not covers("basic", "basic_info")


def test_labels_in_both_languages() -> None:
    assert label("Role", "dpo", "zh") == "个人信息保护负责人"
    assert label("Role", "dpo", "en") == "PI protection officer"


def test_a_recorded_reason_is_not_passed_off_as_a_statutory_exemption() -> None:
    assert "非法定豁免" in label("NoticeExemption", "collected_before_ledger", "zh")
    assert "not a statutory" in label("NoticeExemption", "collected_before_ledger", "en")


@pytest.mark.parametrize(("enumeration", "code"), [("Role", "king"), ("Rolle", "dpo")])
def test_an_unknown_code_has_no_label(enumeration: str, code: str) -> None:
    with pytest.raises(KeyError, match=code):
        label(enumeration, code, "zh")


@pytest.mark.parametrize("raw", ['"Allowed"', '"allowed "', '"permitted"', "1", "null"])
def test_a_field_of_an_enumeration_takes_its_codes_only(raw: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw, type=AccessOutcome)


def test_a_field_of_an_enumeration_takes_each_of_its_codes() -> None:
    for code in get_args(RecordCategory):
        assert msgspec.json.decode(f'"{code}"', type=RecordCategory) == code
