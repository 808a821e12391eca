"""The policy pack: what is acceptable, what each flaw is called, and how long is long enough."""

from __future__ import annotations

import json
from calendar import monthrange
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import domain
from domain.codes import ENUMERATIONS
from domain.policy import MAX_POLICY_BYTES, Policy, PolicyError, parse_policy
from domain.retention import (
    FOREVER,
    PERMANENT,
    Assignment,
    RetentionError,
    RetentionRule,
    Traits,
    add,
    retention_window,
)

PACK = (Path(domain.__file__).parent / "policies" / "cn-default-2026.toml").read_bytes()
VECTORS = Path(__file__).parent.parent / "vectors"
RULES = VECTORS / "catalog" / "rules.json"

days = st.dates(min_value=date(1900, 1, 1), max_value=date(2400, 12, 31))


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse_policy(PACK)


def changed(old: str, new: str) -> bytes:
    text = PACK.decode()
    assert old in text
    return text.replace(old, new, 1).encode()


# The default pack


def test_the_default_pack_says_that_no_lawyer_signed_it(policy: Policy) -> None:
    assert policy.header.id == "cn-default-2026"
    assert policy.header.signed_off_by_counsel is False
    assert "不是法律意见" in policy.header.label_zh
    assert "Not legal advice" in policy.header.label_en


def test_the_digest_is_that_of_the_bytes(policy: Policy) -> None:
    assert policy.digest == sha256(PACK).hexdigest()
    assert parse_policy(PACK + b"\n").digest != policy.digest


def test_the_limits_are_those_that_were_promised(policy: Policy) -> None:
    limits = policy.limits
    assert (limits.seen_days, limits.joint_days, limits.draft_days) == (7, 14, 14)
    assert (limits.clock_forward_days, limits.clock_skew_seconds) == (31, 300)
    assert limits.late_after_hours == 24
    assert policy.cadence.access_review_live_days == 30
    assert policy.cadence.access_review_routine_days == 90
    assert policy.cadence.tracking_days == (30, 90, 180)
    assert policy.training.mode == "warn"


def test_every_rule_has_its_stable_code_and_a_basis(policy: Policy) -> None:
    assert {name: rule.code for name, rule in policy.rules.items()} == json.loads(
        RULES.read_text("utf-8")
    )
    assert all(rule.basis for rule in policy.rules.values())


def test_automatic_rules_leave_only_the_open_categories_without_a_period(policy: Policy) -> None:
    without = {
        category
        for category in ENUMERATIONS["RecordCategory"].codes
        if not policy.retention_for(Traits(categories=(category,), relationship="closed"))  # type: ignore[arg-type]
    }
    assert without == {"governance", "other"}


# What the default pack says, row by row: id, minimum, maximum, trigger, action, and the law with
# its mark (V read, S secondary, K unconfirmed)
TABLE = """
accounting-books            30y        -     fiscal_year_end        review   order-79:annex:S
payment-vouchers            30y        -     fiscal_year_end        review   order-79:annex:S
accounting-statements       10y        -     fiscal_year_end        review   order-79:annex:S
accounting-annual-report    permanent  -     -                  retain_permanently order-79:annex:S
destruction-lists           permanent  -     -                  retain_permanently order-79:annex:S
handover-lists              30y        -     handover_confirmed     review   order-79:annex:S
tax-documents               10y        -     created                destroy  tax-rules:29:V
invoice-stubs               5y         -     created                destroy  invoice-measures:28:V
platform-transactions     3y - transaction_completed destroy e-commerce-law:31:V e-commerce-law:53:V
transaction-records         3y         20y   transaction_completed  destroy  civil-code:188:V
contract-limitation         3y         -     contract_ended         review   civil-code:188:V
contract-policy             10y        -     contract_ended         review
aml-identity                10y        -     relationship_ended     destroy  aml-law:34:V
aml-transactions            10y        -     transaction_completed  destroy  aml-law:34:V
brokerage-records           5y         -  transaction_completed destroy brokerage-measures:records:K
customer-basic-info         3y     - relationship_ended destroy pipl:19:V pipl:47:V civil-code:188:V
leads                       -          12m   last_interaction       destroy  pipl:19:V
opted-out                   -          0d    consent_withdrawn   destroy pipl:47:V consumer-law:29:V
contract-communication      10y        -     contract_ended         review   civil-code:188:V
messages                    -          12m   created                destroy
call-recordings             -          6m    created                destroy
feedback                    -          12m   created                destroy
identity-images             -          0d    purpose_achieved       destroy  pipl:19:V pipl:28:V
biometric-health-location   -          0d    purpose_achieved       destroy  pipl:28:V pipl:47:V
under-14-kind               -          0d    purpose_achieved       destroy  pipl:28:V pipl:31:V
under-14-sensitivity        -          0d    purpose_achieved       destroy  pipl:28:V pipl:31:V
consent-evidence            3y         -     relationship_ended   destroy pipl:69:V civil-code:188:V
pipia-reports               3y         -     created                destroy  pipl:56:V
provision-records           3y         -     created                destroy  ndsmr:12:V
network-logs                6m         -     created          destroy csl-2016:21(3):V csl-2025:23:S
ledger-access-logs          3y         -     created                destroy
credit-negative             -          5y    case_closed            destroy  credit-regulation:16:V
nda                         3y         -    contract_ended destroy civil-code:188:V civil-code:558:V
confirmations-certificates  permanent  -     -                   retain_permanently order-79:annex:S
training-supervision        3y         -     created                destroy
incident-files              3y         -     case_closed            destroy
audit-reports               10y        -     created                destroy
"""


def test_every_period_of_the_study_is_in_the_pack_with_its_law_and_its_mark(policy: Policy) -> None:
    for row in TABLE.strip().splitlines():
        name, minimum, maximum, trigger, action, *law = row.split()
        found = policy.retention[name]
        said = [found.minimum, found.maximum, found.trigger]
        assert ["-" if part is None else part for part in said] == [minimum, maximum, trigger]
        assert found.action == action
        assert [f"{c.statute}:{c.article}:{c.evidence}" for c in found.citations] == law
        assert (found.basis == "duty") <= bool(law)
        for cited in found.citations:
            assert policy.statutes[cited.statute].version == cited.version
    assert len(policy.retention) == len(TABLE.strip().splitlines())


def test_storing_and_protecting_only_is_cited_where_the_law_says_so(policy: Policy) -> None:
    """PIPL 47, second sentence, and the regulation that repeats it."""
    cited = [(c.statute, c.article, c.evidence) for c in policy.rules["I-33"].basis]
    assert cited == [("pipl", "47(2)", "V"), ("ndsmr", "24", "V")]


@pytest.mark.parametrize(
    ("version", "digest"),
    [
        ("1.0.0", "ee7b3363837a59c51c102a73abc1505b9c3e8f049d474ad63ddd7ac72423d639"),
        ("1.1.0", "e78a1edbe547ccd897a5d324ec265abf2b60426db9ac1ce671eca5093b998a9a"),
    ],
)
def test_the_packs_that_older_ledgers_adopted_are_read_to_the_byte(
    policy: Policy, version: str, digest: str
) -> None:
    """As they were published: what packs have learned since is optional."""
    published = (VECTORS / "policies" / f"cn-default-2026-{version}.toml").read_bytes()
    older = parse_policy(published)
    assert older.digest == digest
    assert (older.header.id, older.header.version) == ("cn-default-2026", version)
    assert policy.header.version == "1.3.0"
    assert older.retention == policy.retention


# Packs that are refused


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ('mode = "warn"', 'mode = "warn"\nstrict = true', "unknown field `strict`"),
        ("[training]", "[traning]", "unknown field `traning`"),
        ("seen_days = 7\n", "", "missing required field `seen_days`"),
        ("seen_days = 7", "seen_days = 0", ">= 1"),
        ("seen_days = 7", "seen_days = 7.0", "got `float`"),
        ("seen_days = 7", 'seen_days = "7"', "got `str`"),
        ("seen_days = 7", "seen_days = " + "9" * 5000, "not TOML"),
        ("seen_days = 7", "seen_days = " + "[" * 50_000, "not TOML"),
        ("seen_days = 7", "seen_days = 7\nseen_days = 7", "not TOML"),
        ("approvers = 2", "approvers = 1", ">= 2"),
        ('mode = "warn"', 'mode = "off"', "'off'"),
        ('profile = "cn_strict"', 'profile = "lax"', "'lax'"),
        ('"accounting"]', '"accountings"]', "'accountings'"),
        ('trigger = "contract_ended"', 'trigger = "contract_end"', "'contract_end'"),
        ('action = "review"', 'action = "shred"', "'shred'"),
        ('minimum = "30y"', 'minimum = "30Y"', "matching regex"),
        ('minimum = "30y"', 'minimum = "030y"', "matching regex"),
        ('minimum = "30y"', 'minimum = "30y\\n"', "matching regex"),
        ('minimum = "30y"', 'minimum = "P30Y"', "matching regex"),
        ('minimum = "30y"\n', "", "neither minimum nor maximum"),
        ('maximum = "12m"', 'maximum = "permanent"', "cannot be permanent"),
        ('maximum = "20y"', 'maximum = "2y"', "shorter than minimum 3y"),
        ('trigger = "fiscal_year_end"\n', "", "no trigger"),
        ("effective_from = 2026-01-01", "effective_from = 2026-02-30", "not TOML"),
        ("effective_from = 2026-01-01", 'effective_from = "2026-01-01"', "got `str`"),
        ("effective_from = 2026-01-01", "effective_from = 2026-01-01T00:00:00", "got `datetime`"),
        ('[rules."I-01"]', '[rules."I-1"]', "matching regex"),
        ('statute = "esl"', 'statute = "esq"', "I-01 cites esq, which is not among"),
        ('evidence = "V"', 'evidence = "X"', "'X'"),
        ('instead_of = ["messages"]', 'instead_of = ["letters"]', "instead of letters"),
        ('id = "leads"', 'id = "nda"', "nda stands twice"),
    ],
)
def test_a_flawed_pack_is_refused_by_name(old: str, new: str, cause: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy(changed(old, new))
    assert cause in str(refused.value)


def test_a_statute_is_not_amended_under_its_citations() -> None:
    newer = changed('kind = "law"\nversion = "2021-08-20"', 'kind = "law"\nversion = "2027-01-01"')
    with pytest.raises(PolicyError, match="of version 2021-08-20, but the pack has version 2027"):
        parse_policy(newer)


def test_a_duty_without_a_citation_is_refused() -> None:
    with pytest.raises(PolicyError, match="call-recordings: basis duty without a citation"):
        parse_policy(PACK.replace(*_call_recordings_as_duty()))


def _call_recordings_as_duty() -> tuple[bytes, bytes]:
    start = PACK.index(b'id = "call-recordings"')
    block = PACK[start : PACK.index(b"[[retention]]", start)]
    return block, block.replace(b'"policy"', b'"duty"')


def test_an_oversized_pack_is_refused_before_it_is_read() -> None:
    with pytest.raises(PolicyError, match="at most 262144"):
        parse_policy(b"\xff" * (MAX_POLICY_BYTES + 1))


def test_a_pack_in_another_encoding_is_refused() -> None:
    with pytest.raises(PolicyError, match="not UTF-8"):
        parse_policy(PACK.decode().encode("gb18030"))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_pack_or_a_policy_error(data: bytes) -> None:
    with pytest.raises(PolicyError):
        parse_policy(data)


# Periods


@pytest.mark.parametrize(
    ("day", "period", "last"),
    [
        ("2024-02-29", "1y", "2025-02-28"),
        ("2024-02-29", "4y", "2028-02-29"),
        ("2096-02-29", "4y", "2100-02-28"),
        ("2025-08-31", "6m", "2026-02-28"),
        ("2025-12-31", "2m", "2026-02-28"),
        ("2026-01-31", "1m", "2026-02-28"),
        ("2026-12-01", "1m", "2027-01-01"),
        ("2026-01-01", "0d", "2026-01-01"),
        ("2026-12-31", "1d", "2027-01-01"),
        ("2026-01-01", "30y", "2056-01-01"),
        ("9990-01-01", "30y", "9999-12-31"),
        ("9999-12-31", "9999d", "9999-12-31"),
    ],
)
def test_a_period_ends_on_the_day_that_the_civil_code_names(
    day: str, period: str, last: str
) -> None:
    assert add(date.fromisoformat(day), period).isoformat() == last


@pytest.mark.parametrize(
    "period", ["", "y", "1", "01y", "0y", "1w", "-1d", "1.5y", "1y ", "1y\n", "1000y", "PERMANENT"]
)
def test_a_malformed_period_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match="not a period"):
        add(date(2026, 1, 1), period)


@given(days, st.integers(1, 999))
def test_a_year_is_twelve_months(day: date, years: int) -> None:
    if years * 12 <= 999:
        assert add(day, f"{years}y") == add(day, f"{years * 12}m")
    assert add(day, f"{years}y").year == day.year + years


@given(days, st.integers(1, 999))
def test_months_end_on_the_same_day_or_the_last_of_the_month(day: date, months: int) -> None:
    last = add(day, f"{months}m")
    assert (last.year * 12 + last.month) - (day.year * 12 + day.month) == months
    assert last.day == min(day.day, monthrange(last.year, last.month)[1])


@given(days, st.integers(1, 9999))
def test_days_are_counted_from_the_next_day(day: date, amount: int) -> None:
    assert add(day, f"{amount}d") == day + timedelta(days=amount)


@given(days, days, st.from_regex(r"[1-9][0-9]{0,2}[dmy]", fullmatch=True))
def test_what_starts_later_never_ends_earlier(one: date, other: date, period: str) -> None:
    first, second = sorted((one, other))
    assert add(first, period) <= add(second, period)
    assert add(first, period) <= add(first, PERMANENT) == FOREVER


# Which rules apply


def applying(policy: Policy, traits: Traits, *chosen: str) -> list[str]:
    return [rule.id for rule in policy.retention_for(traits, chosen)]


def test_a_parent_category_covers_its_parts(policy: Policy) -> None:
    assert applying(policy, Traits(categories=("transaction.order",))) == ["transaction-records"]
    assert applying(policy, Traits(categories=("communication.call_recording",))) == [
        "messages",
        "call-recordings",
    ]


def test_a_lead_is_not_kept_like_a_customer(policy: Policy) -> None:
    lead = Traits(categories=("basic_info.contact",), relationship="potential")
    customer = Traits(categories=("basic_info.contact",), relationship="closed")
    assert applying(policy, lead) == ["leads"]
    assert applying(policy, customer) == ["customer-basic-info"]


def test_a_sector_duty_stands_instead_of_deleting_identity_images(policy: Policy) -> None:
    shop = Traits(
        categories=("basic_info.identity_document",), sensitive_kinds=("id_document_image",)
    )
    bank = Traits(
        categories=("basic_info.identity_document",),
        sensitive_kinds=("id_document_image",),
        business_area="finance",
    )
    assert applying(policy, shop) == ["identity-images"]
    assert applying(policy, bank) == ["aml-identity"]


def test_what_codes_cannot_tell_a_person_chooses(policy: Policy) -> None:
    books = Traits(categories=("accounting",))
    assert applying(policy, books) == ["accounting-books"]
    assert applying(policy, books, "accounting-statements") == ["accounting-statements"]


@pytest.mark.parametrize(
    ("name", "cause"), [("invented", "unknown"), ("leads", "does not fit the record")]
)
def test_a_choice_that_cannot_apply_is_refused(policy: Policy, name: str, cause: str) -> None:
    with pytest.raises(RetentionError, match=f"{name} .*{cause}"):
        policy.retention_for(Traits(categories=("contract",)), [name])


# From when, until when


def rule(name: str, **given_by: object) -> RetentionRule:
    fields = {"zh": "规则", "en": "rule", "basis": "policy", "action": "destroy"} | given_by
    fields.setdefault("trigger", "created")
    return RetentionRule(id=name, **fields)  # type: ignore[arg-type]


CREATED = date(2026, 3, 1)


def test_the_longest_minimum_and_the_shortest_maximum_win() -> None:
    rules = [
        rule("a", minimum="3y", maximum="20y"),
        rule("b", minimum="5y"),
        rule("c", maximum="10y"),
    ]
    window = retention_window(rules, {"created": CREATED})
    assert (window.min_until, window.minimum_rule) == (date(2031, 3, 1), "b")
    assert (window.max_until, window.maximum_rule) == (date(2036, 3, 1), "c")
    assert not window.conflict
    assert window.action == "destroy"


def test_a_minimum_after_the_maximum_is_a_conflict_for_counsel() -> None:
    window = retention_window(
        [rule("keep", minimum="10y"), rule("delete", maximum="0d")], {"created": CREATED}
    )
    assert window.conflict
    assert window.action == "review"
    assert window.must_keep_on(CREATED + timedelta(days=1))


def test_a_minimum_and_a_maximum_on_one_day_are_no_conflict() -> None:
    window = retention_window(
        [rule("keep", minimum="1y"), rule("delete", maximum="12m")], {"created": CREATED}
    )
    assert not window.conflict


def test_the_last_day_of_a_minimum_is_still_a_day_to_keep() -> None:
    window = retention_window([rule("keep", minimum="1y")], {"created": CREATED})
    assert window.must_keep_on(date(2027, 3, 1))
    assert not window.must_keep_on(date(2027, 3, 2))


def test_a_clock_that_has_not_started_keeps_the_record() -> None:
    rules = [rule("now", minimum="1y"), rule("later", minimum="1y", trigger="contract_ended")]
    window = retention_window(rules, {"created": CREATED})
    assert window.waiting == ("later",)
    assert window.must_keep_on(date(2100, 1, 1))


def test_permanent_needs_no_start_and_never_ends() -> None:
    window = retention_window(
        [rule("for-ever", minimum=PERMANENT, trigger=None, action="retain_permanently")], {}
    )
    assert window.min_until == FOREVER
    assert window.action == "retain_permanently"
    assert window.must_keep_on(date(9999, 12, 31))


def test_no_rule_means_review_never_destruction() -> None:
    window = retention_window([], {})
    assert window.action == "review"
    assert window.min_until is None


def test_review_wins_over_what_cannot_be_undone() -> None:
    rules = [rule("a", maximum="1y"), rule("b", maximum="2y", action="review")]
    assert retention_window(rules, {"created": CREATED}).action == "review"


@given(st.lists(st.from_regex(r"[1-9][0-9]?[dmy]", fullmatch=True), min_size=1, max_size=6), days)
def test_adding_a_rule_never_shortens_a_minimum_nor_lengthens_a_maximum(
    periods: list[str], start: date
) -> None:
    rules = [rule(f"r{i}", minimum=p, maximum=p) for i, p in enumerate(periods)]
    for size in range(1, len(rules)):
        fewer = retention_window(rules[:size], {"created": start})
        more = retention_window(rules[: size + 1], {"created": start})
        assert fewer.min_until is not None
        assert more.min_until is not None
        assert fewer.max_until is not None
        assert more.max_until is not None
        assert more.min_until >= fewer.min_until
        assert more.max_until <= fewer.max_until


# What an event must state


def test_an_assignment_follows_from_the_named_rules(policy: Policy) -> None:
    given_by = policy.retention_until(
        ["contract-limitation", "contract-policy"], ["contract"], "contract_ended", "2024-02-29"
    )
    assert given_by == Assignment(
        action="review", min_until="2034-02-28", max_until=None, permanent=False, conflict=False
    )


def test_a_permanent_assignment_states_no_last_day(policy: Policy) -> None:
    given_by = policy.retention_until(
        ["confirmations-certificates"], ["governance"], "created", "2026-01-01"
    )
    assert given_by == Assignment(
        action="retain_permanently",
        min_until=None,
        max_until=None,
        permanent=True,
        conflict=False,
    )


@pytest.mark.parametrize(
    ("names", "category", "trigger", "day", "code"),
    [
        ([], "contract", "contract_ended", "2026-01-01", "unknown_retention_rule"),
        (["invented"], "contract", "contract_ended", "2026-01-01", "unknown_retention_rule"),
        (["nda", "nda"], "contract", "contract_ended", "2026-01-01", "rule_named_twice"),
        (["leads"], "contract", "last_interaction", "2026-01-01", "rule_does_not_fit_category"),
        (["contract-policy"], "contract", "created", "2026-01-01", "rule_starts_otherwise"),
        (["contract-policy"], "contract", "contract_ended", "2026-02-30", "no_such_day"),
        (
            ["accounting-books", "accounting-statements"],
            "accounting",
            "fiscal_year_end",
            "2026-01-01",
            "rule_is_replaced",
        ),
    ],
)
def test_an_assignment_that_does_not_follow_is_refused_by_code(
    policy: Policy, names: list[str], category: str, trigger: str, day: str, code: str
) -> None:
    assert policy.retention_until(names, [category], trigger, day) == code
