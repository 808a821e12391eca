"""Which copies belong together, and what lies in them.

A record is collected in a copy (a file, or a table of which it is a row). Further copies are made
of one copy whole (a backup: it holds whatever the first one holds), or of one record (a scan of
its paper, a corrected content). Copies, not records, are destroyed, so whoever destroys must know
what is left: `survivors`. The folds keep every link in both directions; nothing is searched for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import field

from domain.answers import Contents
from domain.engagement import EngagementState
from domain.judging import Case, State


class HoldingState(State):
    """A copy: whose it is, what it is on, and whether it is still there.

    `record`: the one record that it is a copy of, None for a copy in which something was collected
    and for copies made of such a one whole; `made_from` and `copies` link originals and copies;
    `holds`: those placed on this copy by name; `handover`, `destruction`: the latest case that
    lists it; `backup`: the backup that it belongs to, `restored`: whether it was made from one;
    `object`: what it is encrypted to, `key`: the data key of its creation; `anonymized`: the record
    with the anonymous content that was made of it; `lent_by`: the parties that it came from, the
    first one first, none once a handover made it its keeper's own. `in_transit` and `received` are
    words of the register; this fold knows of a handover under way by `handover`.
    """

    custodian: str
    form: str
    medium: str
    record: str | None
    condition: str = "present"
    made_from: str | None = None
    copies: list[str] = field(default_factory=list)
    holds: set[str] = field(default_factory=set)
    handover: str | None = None
    destruction: str | None = None
    backup: str | None = None
    object: str = ""
    key: str = ""
    restored: bool = False
    anonymized: str | None = None
    lent_by: list[str] = field(default_factory=list)

    @property
    def owner(self) -> str:
        """The party whose copy it is: the first that it came from, or its keeper."""
        return self.lent_by[0] if self.lent_by else self.custodian

    def goes_to(self, party: str) -> None:
        """Another party keeps it from now on; what goes back to one is no longer lent by it."""
        if party in self.lent_by:
            del self.lent_by[self.lent_by.index(party) :]
        elif party != self.custodian:
            self.lent_by.append(self.custodian)
        self.custodian = party

    @property
    def there(self) -> bool:
        """Whether acts on this copy are still possible."""
        return self.condition in ("present", "in_transit", "received")

    @property
    def gone(self) -> bool:
        """Whether it was destroyed or given back; what is lost may be found."""
        return self.condition in ("destroyed", "returned")

    @property
    def was_read(self) -> bool:
        """Whether a program read it when it was made: for a backup, or restored from one."""
        return self.backup is not None or self.restored


class RecordLike(State):
    """What copies need to know of their record; `domain.record.RecordState` extends it.

    `holdings`: the copies that its content was taken from, by collection and by corrections;
    `copies`: further ones that name it; `requests`: its version when each person's request about it
    was received.
    """

    engagement: str = ""
    holdings: tuple[str, ...] = ()
    copies: list[str] = field(default_factory=list)
    holds: set[str] = field(default_factory=set)
    requests: dict[str, int] = field(default_factory=dict)

    def lies_in(self, holding: HoldingState) -> bool:
        """Whether a holding is a copy of this record."""
        return holding.record == self.stream or holding.stream in self.holdings


class Claim(State):
    """A case that has copies in its hands: a handover on its way, a destruction not yet over."""

    items: dict[str, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether the case still has its copies in its hands."""
        raise NotImplementedError


def claimed(case: Case, holding: HoldingState, by: str | None) -> Claim | None:
    """The running case `by` (a stream) that lists a copy, or None."""
    if by is None:
        return None
    found = case.world.state(by, Claim)
    return found if found is not None and found.running and holding.stream in found.items else None


def holdings(case: Case, streams: Iterable[str]) -> list[HoldingState]:
    """The states of copies, loaded in one go; unknown ones are left out."""
    wanted = list(dict.fromkeys(streams))
    case.world.preload(wanted)
    states = (case.world.state(stream, HoldingState) for stream in wanted)
    return [state for state in states if state is not None]


def original(case: Case, holding: HoldingState) -> HoldingState:
    """The collected copy that a copy was made of whole; itself if it was not."""
    for above in _upwards(case, holding):
        holding = above
        if holding.record is not None:
            break
    return holding


def _upwards(case: Case, holding: HoldingState) -> Iterator[HoldingState]:
    """A copy, the one that it was made of, and so on; each once, even if somebody says a circle."""
    seen: set[str] = set()
    above: HoldingState | None = holding
    while above is not None and above.stream not in seen:
        yield above
        seen.add(above.stream)
        made_from = above.made_from
        above = case.world.state(made_from, HoldingState) if made_from is not None else None


def copies_of_record(case: Case, record: RecordLike) -> list[HoldingState]:
    """Every copy of a record, gone ones included."""
    return _with_copies(case, [*record.holdings, *record.copies], record.stream)


def copies_of_content(case: Case, record: RecordLike) -> list[HoldingState]:
    """The copies of a record that go back to one that its content was taken from.

    Anybody can register a copy that was made of nothing; those are left out.
    """
    return _with_copies(case, record.holdings, record.stream)


def _with_copies(case: Case, streams: Iterable[str], record: str | None) -> list[HoldingState]:
    """The copies named, and all made of them whole, or of this record."""
    found: dict[str, HoldingState] = {}
    waiting = list(streams)
    while waiting:
        level = [h for h in holdings(case, waiting) if h.stream not in found]
        found.update((h.stream, h) for h in level if h.record in (None, record))
        waiting = [copy for h in level for copy in h.copies]
    return list(found.values())


def offspring(case: Case, holding: HoldingState) -> list[HoldingState]:
    """A copy and every copy made of it or of its copies, of one record in it or whole."""
    found: dict[str, HoldingState] = {}
    level = [holding]
    while level:
        found.update((made.stream, made) for made in level)
        made_of = holdings(case, [copy for made in level for copy in made.copies])
        level = [copy for copy in made_of if copy.stream not in found]
    return list(found.values())


def survivors(case: Case, holding: HoldingState, doomed: set[str]) -> list[HoldingState]:
    """The copies that still hold what lies in `holding` when those in `doomed` are gone.

    Only those that were made of the same one, in however many steps: what was registered without
    saying of what it was made may hold anything, and a corrected content is another one.
    """
    record = record_in(case, holding)
    *_, root = _upwards(case, holding)
    family = _with_copies(case, [root.stream], record.stream if record is not None else None)
    return [copy for copy in family if copy.there and copy.stream not in doomed]


def for_certain(case: Case, holding: HoldingState) -> bool:
    """Whether no destruction has left open if a copy is still there."""
    tried = case.world.state(holding.destruction, Claim) if holding.destruction else None
    return tried is None or tried.items.get(holding.stream) not in ("unknown", "destroyed")


def kept_besides(case: Case, holding: HoldingState, doomed: set[str]) -> list[HoldingState]:
    """The `survivors` that the same party keeps, and that are there for certain."""
    left = survivors(case, holding, doomed)
    return [c for c in left if c.custodian == holding.custodian and for_certain(case, c)]


def record_in(case: Case, holding: HoldingState) -> RecordLike | None:
    """The record in a copy, if there is exactly one."""
    stream = holding.record
    if stream is None:
        contents = case.world.contents(original(case, holding).stream)
        if contents.records != 1:
            return None
        (stream,) = contents.examples
    return case.world.state(stream, RecordLike)


def contents_of(case: Case, holding: HoldingState) -> Contents:
    """What lies in a copy, whether it was collected in it or copied into it.

    For a copy of one record the record itself is the example; what is summed up over many is then
    to be read from its state.
    """
    if holding.record is None:
        return case.world.contents(original(case, holding).stream)
    record = case.world.state(holding.record, RecordLike)
    if record is None:
        return Contents()
    return Contents(
        1, (record.stream,), holds=tuple(sorted(record.holds)), engagements=(record.engagement,)
    )


def kept_by(
    case: Case, record: RecordLike, party: str, besides: frozenset[str] = frozenset()
) -> bool:
    """Whether a party keeps, or kept to the end, a copy of a record's content.

    A copy that it made of what a confirmed handover delivered to it is one, too, but for handovers
    in the modes `besides`.
    """
    if record.holdings:  # most have one copy
        first = case.world.state(record.holdings[-1], HoldingState)
        if first is not None and first.custodian == party:
            return True
    if any(copy.custodian == party for copy in copies_of_content(case, record)):
        return True
    if not any(copy.custodian == party for copy in holdings(case, record.copies)):
        return False
    passed = case.world.source.passed(record.stream, besides)
    return passed is not None and passed.to_party == party


def over(case: Case, record: RecordLike) -> bool:
    """Whether nothing of a record is left here: every copy was destroyed or returned (I-35)."""
    if record.holdings:  # what was just collected is there, and most are
        first = case.world.state(record.holdings[-1], HoldingState)
        if first is not None and first.there:
            return False
    found = copies_of_record(case, record)
    return bool(found) and all(copy.gone for copy in found)


def holds_on(case: Case, holding: HoldingState) -> list[str]:
    """The active holds that cover a copy: by name, by a record in it, by an engagement (I-28)."""
    contents = contents_of(case, holding)
    found = {*original(case, holding).holds, *holding.holds, *contents.holds}
    for engagement in contents.engagements:
        state = case.world.state(engagement, EngagementState)
        found.update(state.holds if state is not None else ())
    return sorted(found)
