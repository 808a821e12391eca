"""Event bytes against the JSON test suites of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from ledger.tlog.encoding import MAX_EVENT_BYTES, MAX_INTEGER, check, encode
from tests.ledger.test_encoding import code_of

VECTORS = Path(__file__).parents[1] / "vectors" / "json"
PARSING = VECTORS / "JSONTestSuite" / "test_parsing"
TRANSFORM = VECTORS / "JSONTestSuite" / "test_transform"
RFC8785 = VECTORS / "json-canonicalization" / "testdata"

# JSONTestSuite, as it is. Valid JSON outside the profile is refused by its named code; what is
# not listed is valid JSON in our profile in all but this: it is no object.

VALID = {
    "accepted": "object_basic object_empty object_empty_key object_simple",
    "null": "array_heterogeneous array_null array_with_several_null structure_lonely_null",
    "float": """number number_0e+1 number_0e1 number_double_close_to_zero number_int_with_exp
        number_real_capital_e number_real_capital_e_neg_exp number_real_capital_e_pos_exp
        number_real_exponent number_real_fraction_exponent number_real_neg_exp
        number_real_pos_exponent number_simple_real object_extreme_numbers
        structure_lonely_negative_real""",
    "duplicate_key": "object_duplicated_key object_duplicated_key_and_value",
    "not_canonical": "object object_long_strings object_with_newlines",
    "not_ascii": """object_escaped_null_in_key object_string_unicode
        string_1_2_3_bytes_UTF-8_sequences string_accepted_surrogate_pair
        string_accepted_surrogate_pairs string_allowed_escapes string_escaped_control_character
        string_escaped_noncharacter string_last_surrogates_1_and_2 string_nbsp_uescaped
        string_nonCharacterInUTF-8_U+10FFFF string_nonCharacterInUTF-8_U+FFFF string_null_escape
        string_pi string_reservedCharacterInUTF-8_U+1BFFF
        string_surrogates_U+1D11E_MUSICAL_SYMBOL_G_CLEF string_three-byte-utf-8
        string_two-byte-utf-8 string_u+2028_line_sep string_u+2029_par_sep string_uEscape
        string_uescaped_newline string_unescaped_char_delete string_unicode string_unicode_2
        string_unicode_U+10FFFE_nonchar string_unicode_U+1FFFE_nonchar
        string_unicode_U+200B_ZERO_WIDTH_SPACE string_unicode_U+2064_invisible_plus
        string_unicode_U+FDD0_nonchar string_unicode_U+FFFE_nonchar string_utf8
        string_with_del_character""",
}
VALID_CODES = {f"y_{name}.json": code for code, names in VALID.items() for name in names.split()}

# As members of an object those others are accepted, except where they are written otherwise.
WRITTEN_OTHERWISE = {
    "y_array_arraysWithSpaces.json",
    "y_array_with_1_and_newline.json",
    "y_number_after_space.json",
    "y_number_minus_zero.json",
    "y_number_negative_zero.json",
    "y_string_in_array_with_leading_space.json",
    "y_string_one-byte-utf-8.json",
    "y_string_unicodeEscapedBackslash.json",
    "y_string_unicode_escaped_double_quote.json",
}

IMPLEMENTATION_DEFINED = {
    "float": """number_double_huge_neg_exp number_huge_exp number_neg_int_huge_exp
        number_pos_double_huge_exp number_real_neg_overflow number_real_pos_overflow
        number_real_underflow""",
    "integer_range": """number_too_big_neg_int number_too_big_pos_int
        number_very_big_negative_int""",
    "too_deep": "structure_500_nested_arrays",
    "invalid_json": "structure_UTF-8_BOM_empty_object",
    "not_utf8": """string_UTF-16LE_with_BOM string_UTF-8_invalid_sequence
        string_UTF8_surrogate_U+D800 string_invalid_utf-8 string_iso_latin_1
        string_lone_utf8_continuation_byte string_not_in_unicode_range
        string_overlong_sequence_2_bytes string_overlong_sequence_6_bytes
        string_overlong_sequence_6_bytes_null string_truncated-utf-8 string_utf16BE_no_BOM
        string_utf16LE_no_BOM""",
    "not_ascii": """object_key_lone_2nd_surrogate string_1st_surrogate_but_2nd_missing
        string_1st_valid_surrogate_2nd_invalid string_incomplete_surrogate_and_escape_valid
        string_incomplete_surrogate_pair string_incomplete_surrogates_escape_valid
        string_invalid_lonely_surrogate string_invalid_surrogate string_inverted_surrogates_U+1D11E
        string_lone_second_surrogate""",
}
IMPLEMENTATION_CODES = {
    f"i_{name}.json": code
    for code, names in IMPLEMENTATION_DEFINED.items()
    for name in names.split()
}

TRANSFORM_CODES = {
    "number_-9223372036854775808.json": "integer_range",
    "number_-9223372036854775809.json": "integer_range",
    "number_1.0.json": "float",
    "number_1.000000000000000005.json": "float",
    "number_1000000000000000.json": "not_an_object",
    "number_10000000000000000999.json": "integer_range",
    "number_1e-999.json": "float",
    "number_1e6.json": "float",
    "number_9223372036854775807.json": "integer_range",
    "number_9223372036854775808.json": "integer_range",
    "object_key_nfc_nfd.json": "not_ascii",
    "object_key_nfd_nfc.json": "not_ascii",
    "object_same_key_different_values.json": "duplicate_key",
    "object_same_key_same_value.json": "duplicate_key",
    "object_same_key_unclear_values.json": "duplicate_key",
    "string_1_escaped_invalid_codepoint.json": "not_ascii",
    "string_1_invalid_codepoint.json": "not_utf8",
    "string_2_escaped_invalid_codepoints.json": "not_ascii",
    "string_2_invalid_codepoints.json": "not_utf8",
    "string_3_escaped_invalid_codepoints.json": "not_ascii",
    "string_3_invalid_codepoints.json": "not_utf8",
    "string_with_escaped_NULL.json": "not_ascii",
}


def files(folder: Path, prefix: str = "") -> list[Path]:
    found = sorted(folder.glob(f"{prefix}*.json"))
    assert found
    return found


def test_the_tables_name_only_files_of_the_suite() -> None:
    listed = VALID_CODES.keys() | WRITTEN_OTHERWISE | IMPLEMENTATION_CODES.keys()
    assert listed <= {path.name for path in files(PARSING)}
    assert IMPLEMENTATION_CODES.keys() == {path.name for path in files(PARSING, "i_")}
    assert TRANSFORM_CODES.keys() == {path.name for path in files(TRANSFORM)}


@pytest.mark.parametrize("path", files(PARSING, "y_"), ids=lambda path: path.name)
def test_valid_json_outside_the_profile_is_refused_by_name(path: Path) -> None:
    raw = path.read_bytes()
    expected = VALID_CODES.get(path.name, "not_an_object")
    assert code_of(raw) == expected
    if expected == "not_an_object":
        member = b'{"a":' + raw.strip(b" \n") + b"}"
        assert code_of(member) == (
            "not_canonical" if path.name in WRITTEN_OTHERWISE else "accepted"
        )


@pytest.mark.parametrize("path", files(PARSING, "n_"), ids=lambda path: path.name)
def test_invalid_json_is_refused(path: Path) -> None:
    raw = path.read_bytes()
    for claim in (raw, b'{"a":' + raw + b"}"):
        code = code_of(claim)
        if len(claim) > MAX_EVENT_BYTES:
            assert code == "too_large"
        elif code != "invalid_json":
            assert code == "not_utf8"
            with pytest.raises(UnicodeDecodeError):
                raw.decode()


@pytest.mark.parametrize("path", files(PARSING, "i_"), ids=lambda path: path.name)
def test_what_parsers_disagree_about_is_refused_by_name(path: Path) -> None:
    assert code_of(path.read_bytes()) == IMPLEMENTATION_CODES[path.name]


@pytest.mark.parametrize("path", files(TRANSFORM), ids=lambda path: path.name)
def test_what_parsers_understand_differently_is_refused_by_name(path: Path) -> None:
    assert code_of(path.read_bytes()) == TRANSFORM_CODES[path.name]


# RFC 8785, as its author's test data is

RFC8785_CODES = {
    "arrays.json": ("null", "null"),
    "french.json": ("not_ascii", "not_ascii"),
    "structures.json": ("not_ascii", "not_ascii"),  # "1": {"\n": 56.0}: the key is met first
    "unicode.json": ("not_ascii", "not_ascii"),
    "values.json": ("float", "null"),
    "weird.json": ("not_ascii", "not_ascii"),
}


@pytest.mark.parametrize("path", files(RFC8785 / "input"), ids=lambda path: path.name)
def test_rfc_8785_inputs_and_outputs_outside_the_profile_are_refused_by_name(path: Path) -> None:
    output = (RFC8785 / "output" / path.name).read_bytes()
    hexadecimal = (RFC8785 / "outhex" / path.name).with_suffix(".txt").read_text()
    assert bytes.fromhex(hexadecimal) == output
    assert (code_of(path.read_bytes()), code_of(output)) == RFC8785_CODES[path.name]


@pytest.mark.parametrize("path", files(RFC8785 / "input"), ids=lambda path: path.name)
def test_rfc_8785_vectors_brought_into_the_profile_encode_as_the_oracle_does(path: Path) -> None:
    def inside(value: Any) -> Any:
        if isinstance(value, dict):
            return {inside(key): inside(item) for key, item in value.items()}
        if isinstance(value, list):
            return [inside(item) for item in value]
        if isinstance(value, float):
            return int(value) % MAX_INTEGER
        if value is None:
            return False
        return ascii(value)[1:-1] if isinstance(value, str) else value

    value = {"vector": inside(json.loads(path.read_bytes()))}
    raw = encode(value)
    assert raw == rfc8785.dumps(value)
    assert check(raw) == value
