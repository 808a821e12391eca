r"""The policy pack: limits, intervals, retention and the law behind each rule, as data.

A pack is a TOML file of at most 256 KiB. It is read by the application and passed in as bytes;
a ledger adopts it by the SHA-256 of exactly those bytes. Statutes are data with a version and a
date: a citation names the version it was written for, and a pack in which it differs from the
statute's entry is refused, so that no citation silently outlives an amendment. Tables:

    [policy]          id, version, effective_from, signed_off_by_counsel, label_zh, label_en
    [limits]          how far a claim may lie from what the ledger knows (DESIGN 4.2, 4.3)
    [cadence]         what recurs, in days       [deadlines]    what falls due once
    [thresholds]      how many persons           [training]     mode = "warn" | "block"
    [classification]  profile
    [transfer.MODE]?  what a mode of transfer asks for       [gates]?  (`domain.transfer`)
    [calendar]?       utc_offset_minutes?, days_off?, made_up?: which days are worked
    [statutes.ID]     zh, en, kind, version, in_force?, dates
    [rules."I-NN"]    code, basis = [citation, …]
    [[retention]]     id, zh, en, automatic?, minimum?, maximum?, trigger?, action, basis,
                      citations?, instead_of?, and what it applies to (`RetentionRule`)

    citation = { statute, version, article, evidence }

Periods are `<n>d`, `<n>m`, `<n>y` or `permanent`. Evidence marks: `V` the text cited was read,
`S` a secondary source, `M` measured, `K` unconfirmed knowledge. A question mark: may be absent.

>>> parse_policy(b"[policy]\nid = 1")
Traceback (most recent call last):
    ...
domain.policy.PolicyError: policy pack: Expected `str`, got `int` - at `$.policy.id`
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Final, Literal, cast

import msgspec
from msgspec import Meta, Struct

from domain.codes import ClassificationProfile, TransferMode
from domain.retention import (
    Assignment,
    RetentionRule,
    Traits,
    assignment_for,
    period_flaws,
    retention_for,
)
from domain.statutes import Citation, Name, Statute, Text, citation_flaws
from domain.transfer import Gates, Transfer, transfer_flaws
from domain.workdays import Calendar, calendar_flaws

MAX_POLICY_BYTES: Final = 256 * 1024

RuleId = Annotated[str, Meta(pattern=r"^I-[0-9]{2}\Z")]
RuleCode = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{2,63}\Z")]
Version = Annotated[str, Meta(pattern=r"^[0-9][0-9A-Za-z.+-]{0,31}\Z")]
Positive = Annotated[int, Meta(ge=1, le=100_000)]


class PolicyError(ValueError):
    """A pack that is not acceptable; the message names the place and the cause."""


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which pack this is, and whether a lawyer stands behind it."""

    id: Name
    version: Version
    effective_from: date
    signed_off_by_counsel: bool
    label_zh: Text
    label_en: Text


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a signer's claims may lie from what the ledger knows (DESIGN 4.2, 4.3).

    `seen_days`: age of the first entry that a signer had not seen; `joint_days`: longest validity
    of a joint commit; `clock_forward_days`: forward jump of the ledger's clock that needs
    confirmation; `clock_skew_seconds`: an act may lie this far after the accepted time;
    `late_after_hours`: an act recorded later than this needs a reason; `draft_days`: age at which
    an unsigned draft is stale.
    """

    seen_days: Positive
    joint_days: Positive
    clock_forward_days: Positive
    clock_skew_seconds: Annotated[int, Meta(ge=0, le=86_400)]
    late_after_hours: Positive
    draft_days: Positive


class Cadence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often recurring duties fall due, in days; `tracking_days` counts from confirmation."""

    access_review_live_days: Positive
    access_review_routine_days: Positive
    backup_days: Positive
    offsite_days: Positive
    backup_verification_days: Positive
    restore_drill_days: Positive
    tracking_days: Annotated[tuple[Positive, ...], Meta(min_length=1, max_length=12)]


class Deadlines(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long one thing may take after another."""

    break_glass_review_hours: Positive
    residual_declaration_days: Positive
    destruction_approval_days: Positive
    authority_notice_hours: Positive
    gdpr_notice_hours: Positive
    rights_request_working_days: Positive
    withdrawal_effect_days: Positive


class Thresholds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many persons an act needs, and how often one auditor may audit the same thing."""

    approvers: Annotated[int, Meta(ge=2, le=20)]
    supervisors_per_side: Annotated[int, Meta(ge=1, le=20)]
    auditor_in_a_row: Positive


class Training(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether missing training is a warning or blocks the act (I-08)."""

    mode: Literal["warn", "block"]


class Classification(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which reading of the standards decides what is sensitive."""

    profile: ClassificationProfile


class RuleBasis(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule's stable code and what it stands on."""

    code: RuleCode
    basis: Annotated[tuple[Citation, ...], Meta(min_length=1)]


class _Pack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    policy: Header
    limits: Limits
    cadence: Cadence
    deadlines: Deadlines
    thresholds: Thresholds
    training: Training
    classification: Classification
    statutes: dict[Name, Statute]
    rules: dict[RuleId, RuleBasis]
    retention: tuple[RetentionRule, ...]
    calendar: Calendar = Calendar()
    transfer: dict[TransferMode, Transfer] = {}
    gates: Gates = Gates()


class Policy(Struct, frozen=True, kw_only=True):
    """An acceptable policy pack. `digest`: SHA-256 of its bytes, in lower-case hexadecimal."""

    digest: str
    header: Header
    limits: Limits
    cadence: Cadence
    deadlines: Deadlines
    thresholds: Thresholds
    training: Training
    classification: Classification
    statutes: Mapping[str, Statute]
    rules: Mapping[str, RuleBasis]
    retention: Mapping[str, RetentionRule]
    calendar: Calendar = Calendar()
    transfer: Mapping[TransferMode, Transfer] = {}
    gates: Gates = Gates()

    @property
    def stays_bound(self) -> frozenset[str]:
        """The modes of transfer in which whoever hands over goes on processing (PIPL 20, 21)."""
        return frozenset(mode for mode, asked in self.transfer.items() if not asked.gives_up)

    def retention_for(
        self, traits: Traits, chosen: Iterable[str] = ()
    ) -> tuple[RetentionRule, ...]:
        """The rules that apply to a record: `domain.retention.retention_for` on this pack."""
        return retention_for(self.retention, traits, chosen)

    def retention_until(
        self, rules: Sequence[str], categories: Sequence[str], trigger: str, trigger_date: str
    ) -> Assignment | str:
        """The dates that the named rules give, or the code of why they give none.

        As `domain.retention.assignment_for` on this pack; the date is `YYYY-MM-DD`.
        """
        return assignment_for(self.retention, rules, categories, (trigger, trigger_date))


@lru_cache(maxsize=8)  # every act asks for it, and it is the same bytes
def parse_policy(data: bytes) -> Policy:
    """Read a policy pack; what it returns is complete and consistent in itself.

    Raises `PolicyError` naming the place and the cause: too large, not UTF-8, not TOML, an unknown
    key, a code that is in no enumeration, a malformed period, a citation of a statute or version
    that the pack does not have, a rule id used twice.
    """
    if len(data) > MAX_POLICY_BYTES:
        message = f"policy pack is {len(data)} bytes, at most {MAX_POLICY_BYTES} are read"
        raise PolicyError(message)
    try:
        pack = msgspec.convert(tomllib.loads(data.decode("utf-8")), _Pack, builtin_types=(date,))
    except UnicodeDecodeError as error:
        message = f"policy pack is not UTF-8 (byte {error.start})"
        raise PolicyError(message) from None
    except msgspec.ValidationError as error:
        message = f"policy pack: {error}"
        raise PolicyError(message) from None
    except (ValueError, RecursionError) as error:  # tomllib lets some of Python's own through
        message = f"policy pack is not TOML: {error}"
        raise PolicyError(message) from None
    for flaw in _flaws(pack):
        message = f"policy pack: {flaw}"
        raise PolicyError(message)
    return Policy(
        digest=sha256(data).hexdigest(),
        header=pack.policy,
        limits=pack.limits,
        cadence=pack.cadence,
        deadlines=pack.deadlines,
        thresholds=pack.thresholds,
        training=pack.training,
        classification=pack.classification,
        statutes=pack.statutes,
        rules=pack.rules,
        retention={rule.id: rule for rule in pack.retention},
        calendar=pack.calendar,
        transfer=pack.transfer,
        gates=pack.gates,
    )


def _flaws(pack: _Pack) -> Iterator[str]:
    """What the types cannot say about a pack."""
    for rule_id, rule in pack.rules.items():
        yield from citation_flaws(f"rules.{rule_id}", rule.basis, pack.statutes)
    yield from (f"calendar: {flaw}" for flaw in calendar_flaws(pack.calendar))
    yield from transfer_flaws(cast("Mapping[str, Transfer]", pack.transfer), pack.statutes)
    ids = [rule.id for rule in pack.retention]
    for name in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"retention rule {name} stands twice"
    for entry in pack.retention:
        place = f"retention rule {entry.id}"
        yield from citation_flaws(place, entry.citations, pack.statutes)
        yield from (f"{place}: {flaw}" for flaw in period_flaws(entry))
        if entry.basis != "policy" and not entry.citations:
            yield f"{place}: basis {entry.basis} without a citation"
        for name in entry.instead_of:
            if name not in ids or name == entry.id:
                yield f"{place}: stands instead of {name}, which is no other rule of the pack"
