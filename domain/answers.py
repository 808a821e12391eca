"""What the rules are told about a whole ledger, in one answer each.

A rule never goes through a ledger. What a list, a table or a register says is summed up by whoever
holds it (`domain.judging.Source`: a database, a bundle, a test) into one of these.
"""

from __future__ import annotations

from msgspec import Struct


class Contents(Struct, frozen=True):
    """What lies in one collected copy: a file's record, or all rows of a table.

    `records`: how many; `examples`: one of each kind, where records are of one kind if all codes
    that a rule asks for are the same (notice, engagement, classification, restriction, the rules
    of retention assigned), so that judging the examples is judging all; `min_until`: the last day
    on which the longest kept one must be kept (None: no minimum); `permanent`: one is kept for
    ever; `holds`: active holds on any of them; `engagements`: those they were collected under.
    """

    records: int = 0
    examples: tuple[str, ...] = ()
    min_until: str | None = None
    permanent: bool = False
    holds: tuple[str, ...] = ()
    engagements: tuple[str, ...] = ()


class Keys(Struct, frozen=True):
    """The data keys that texts about a copy are sealed under.

    `copy`: those of the copy's own events; `records`: those of the events of records in it;
    `streams`: the copy and those records.
    """

    copy: frozenset[str] = frozenset()
    records: frozenset[str] = frozenset()
    streams: frozenset[str] = frozenset()


class Shredded(Struct, frozen=True):
    """That a data key was shredded: the stream whose event says so, and when it was accepted."""

    stream: str
    accepted: str


class Accesses(Struct, frozen=True):
    """The register of accesses over a span of accepted time: counts, and who accessed."""

    allowed: int = 0
    denied: int = 0
    break_glass: int = 0
    actors: frozenset[str] = frozenset()


class CopiesOut(Struct, frozen=True):
    """What may lie with a party of a deal besides what a confirmation made its own (I-22).

    `accessed`: when its people's last access in a mode that gives content out (`GIVING`) was
    accepted; `delivered`: when the last release to it, or receipt by it, was accepted of a handover
    that was not confirmed whole; each empty if there is none. `holdings`: present copies that it
    came to keep under the deal and that no confirmation gave it. `unpassed`: as `accessed`, of
    records that have not passed to it for good; looked up, and not empty, only if asked for.
    """

    accessed: str = ""
    delivered: str = ""
    holdings: frozenset[str] = frozenset()
    unpassed: str = ""

    @property
    def last(self) -> str:
        """When something last went to it; empty if nothing did."""
        return max(self.accessed, self.delivered)


class Listed(Struct, frozen=True):
    """What stands about records that are to be handed over, before this commit.

    `unknown`: those that were never collected; `not_kept`: those of which the party asked about
    keeps no copy that is there and holds their content: one that goes back to where the content was
    taken from, or that the party made of what had passed to it; `claimed`: records with the running
    handover of that party that lists them, or a copy in which they lie, `(record, handover)`;
    `corrected`: those whose content was corrected after the entry asked about; `examples`: one of
    each kind with a name of the kind, `(kind, record)`, kinds being those of `Contents`, so that
    judging the examples is judging all; `passed`: those that have passed to another party and have
    not come back. What lies in listed copies is in `claimed` and `passed` only.
    """

    unknown: tuple[str, ...] = ()
    not_kept: tuple[str, ...] = ()
    claimed: tuple[tuple[str, str], ...] = ()
    corrected: tuple[str, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    passed: tuple[str, ...] = ()


class Passed(Struct, frozen=True):
    """That a confirmed handover handed a record over: from whom, to whom, in what kind of transfer.

    `accepted`: when the confirmation was.
    """

    handover: str
    from_party: str
    to_party: str
    mode: str
    accepted: str


class Handed(Struct, frozen=True):
    """A handover of a deal; `confirmed`: when that was accepted, empty if it is not."""

    handover: str
    confirmed: str = ""


class Protection(Struct, frozen=True):
    """When a party last protected its copies: accepted times, empty for never (I-19).

    `backup`: made; `offsite`: another place has one; `verified`: one was checked and passed;
    `drill`: one was restored in a drill that passed.
    """

    backup: str = ""
    offsite: str = ""
    verified: str = ""
    drill: str = ""


class Needs(Struct, frozen=True):
    """What must be so with the people in a record before it goes to a recipient (I-14, I-42).

    `engagement`: the deal whose notices count; `recipient`: the party; `day`: `YYYY-MM-DD`, on
    which consents must be in force; `notice`: the least kind of notice, or `none`; `consent`:
    whether a separate consent to the provision is needed; `sensitive`: the kinds of consent of
    which one is needed for sensitive data (empty: none is); `guardian`: whether a guardian's is
    for those under 14; `exempt`: the categories for which no consent is needed (empty: for all;
    None: for none); `marketing`: whether the list is one for marketing.
    """

    engagement: str
    recipient: str
    day: str
    notice: str = "none"
    consent: bool = False
    sensitive: tuple[str, ...] = ()
    guardian: bool = False
    exempt: tuple[str, ...] | None = None
    marketing: bool = False

    @property
    def nothing(self) -> bool:
        """Whether nothing is asked of the people in a record."""
        asked = self.consent or self.sensitive or self.guardian or self.marketing
        return self.notice == "none" and not asked
