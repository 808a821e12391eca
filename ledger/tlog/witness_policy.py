r"""Which logs are known, and how many of whose cosignatures a checkpoint needs (C2SP tlog-policy).

One definition a line, items apart by one space, names defined before they are used:

    log <verifier key> [url]                        type 01 or 06
    witness <name> <verifier key> [url]             type 04 or 06
    group <name> all|any|<k> <member> ...           members: witnesses or groups, 1 <= k <= n
    quorum <name>|none                              exactly one

A name is defined once, is never `none`, and is a member of at most one group; the same public
key stands in at most one line: so each witness counts in one way only. `parse` takes exactly
this form. `read` takes any tlog-policy: there, items may be apart by several spaces and tabs,
and empty lines and lines beginning with `#` are ignored. At most 1 MiB and 1,000 definitions.

Bytes above 0x7F are opaque: names are compared byte by byte, UTF-8 or not.

>>> from ledger.tlog.note import COSIGNATURE, VerifierKey
>>> generator = "5866666666666666666666666666666666666666666666666666666666666666"
>>> key = VerifierKey.of("witness.example", COSIGNATURE, bytes.fromhex(generator))
>>> data = f"witness buyer {key.format()}\ngroup both all buyer\nquorum both\n".encode()
>>> policy = WitnessPolicy.parse(data)
>>> policy.format() == data
True
>>> policy.satisfied({"buyer"})
QuorumReport(met=True, reason='both: 1 of 1 needed: buyer')
>>> policy.satisfied(set()).met
False
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from ledger.errors import NoteError
from ledger.tlog.checkpoint import OpenedCheckpoint, open_checkpoint, parse_decimal
from ledger.tlog.note import COSIGNATURE, ED25519, MLDSA44, VerifierKey

MAX_POLICY_BYTES: Final = 1 << 20
MAX_DEFINITIONS: Final = 1000
NONE: Final = "none"
_FORBIDDEN: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_ITEM: Final = re.compile(r"[^ \t\n]+")
_LOG_TYPES: Final = (ED25519, MLDSA44)
_WITNESS_TYPES: Final = (COSIGNATURE, MLDSA44)


@dataclass(frozen=True, slots=True)
class Log:
    """A known log; its key's name is its origin."""

    key: VerifierKey
    url: str | None = None

    def items(self) -> tuple[str, ...]:
        """The items of the line."""
        return ("log", self.key.format(), *(() if self.url is None else (self.url,)))


@dataclass(frozen=True, slots=True)
class Witness:
    """A known cosigner under the name that groups and quorum use."""

    name: str
    key: VerifierKey
    url: str | None = None

    def items(self) -> tuple[str, ...]:
        """The items of the line."""
        url = () if self.url is None else (self.url,)
        return ("witness", self.name, self.key.format(), *url)


@dataclass(frozen=True, slots=True)
class Group:
    """Members of which `rule` (`all`, `any` or a decimal number) must have cosigned."""

    name: str
    rule: str
    members: tuple[str, ...]

    @property
    def threshold(self) -> int:
        """How many members are needed."""
        if self.rule == "all":
            return len(self.members)
        return 1 if self.rule == "any" else parse_decimal(self.rule, "a group's threshold")

    def items(self) -> tuple[str, ...]:
        """The items of the line."""
        return ("group", self.name, self.rule, *self.members)


@dataclass(frozen=True, slots=True)
class Quorum:
    """The name of the witness or group that must have cosigned, or `none`."""

    name: str

    def items(self) -> tuple[str, ...]:
        """The items of the line."""
        return ("quorum", self.name)


Definition = Log | Witness | Group | Quorum


@dataclass(frozen=True, slots=True)
class QuorumReport:
    """Whether the quorum is met, and what was counted, in words."""

    met: bool
    reason: str


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """A trust policy: its definitions, in the order written."""

    definitions: tuple[Definition, ...]

    def __post_init__(self) -> None:
        """Refuse with NoteError what tlog-policy does not permit."""
        if len(self.definitions) > MAX_DEFINITIONS:
            raise NoteError(f"a policy has at most {MAX_DEFINITIONS} definitions")
        for definition in self.definitions:
            if not all(_ITEM.fullmatch(item) for item in definition.items()):
                raise NoteError("an item of a policy is empty or holds white space")
        _check_bytes(self.format())
        _check_keys(self.definitions)
        _check_names(self.definitions)

    @classmethod
    def parse(cls, data: bytes) -> WitnessPolicy:
        """Read a policy in canonical form; exact inverse of `format`."""
        policy = cls.read(data)
        if policy.format() != data:
            raise NoteError(
                "the policy is not in canonical form",
                "leave out comments, empty lines, tabs and repeated spaces",
            )
        return policy

    @classmethod
    def read(cls, data: bytes) -> WitnessPolicy:
        """Read anybody's policy; `format` gives it without comments and extra white space."""
        _check_bytes(data)
        lines = data.decode("utf-8", "surrogateescape").split("\n")[:-1]
        rows = (_ITEM.findall(line) for line in lines)
        return cls(tuple(_definition(row) for row in rows if row and not row[0].startswith("#")))

    def format(self) -> bytes:
        """The policy's bytes, in canonical form."""
        lines = (" ".join(definition.items()) + "\n" for definition in self.definitions)
        return "".join(lines).encode("utf-8", "surrogateescape")

    @property
    def logs(self) -> tuple[VerifierKey, ...]:
        """The keys of the known logs."""
        return tuple(d.key for d in self.definitions if isinstance(d, Log))

    @property
    def witnesses(self) -> dict[str, VerifierKey]:
        """The witnesses' keys by the policy's names for them."""
        return {d.name: d.key for d in self.definitions if isinstance(d, Witness)}

    @property
    def quorum(self) -> str:
        """The name that must have cosigned, or `none`."""
        return next(d.name for d in self.definitions if isinstance(d, Quorum))

    def satisfied(self, cosigned: Collection[str]) -> QuorumReport:
        """Judge the quorum for the witnesses, by name, whose cosignatures were verified.

        Names that are no witness of this policy, those of groups included, do not count.
        """
        quorum = self.quorum
        if quorum == NONE:
            return QuorumReport(met=True, reason="no cosignature is needed")
        met = {name for name in self.witnesses if name in cosigned}
        reasons = {name: f"{name}: cosigned" for name in met}
        # Groups stand after their members, so one pass in order is enough.
        for group in self.definitions:
            if isinstance(group, Group):
                counted = [member for member in group.members if member in met]
                if len(counted) >= group.threshold:
                    met.add(group.name)
                names = ", ".join(counted) or "nobody"
                reasons[group.name] = f"{group.name}: {len(counted)} of {group.threshold} needed"
                reasons[group.name] += f": {names}"
        return QuorumReport(quorum in met, reasons.get(quorum, f"{quorum}: has not cosigned"))

    def open_checkpoint(self, data: bytes) -> tuple[OpenedCheckpoint, QuorumReport]:
        """Verify a checkpoint note and judge its quorum.

        NoteError as `checkpoint.open_checkpoint`, and if no log of this policy signed. A quorum
        that is not met is reported, not raised: what follows from it is the caller's to say.
        """
        witnesses = self.witnesses
        opened = open_checkpoint(data, (*self.logs, *witnesses.values()))
        if not any(key in self.logs for key in opened.log_signatures):
            raise NoteError("the checkpoint is not signed by a log of the policy")
        keys = {cosignature.verifier for cosignature in opened.cosignatures}
        return opened, self.satisfied({name for name, key in witnesses.items() if key in keys})


def _check_bytes(data: bytes) -> None:
    if len(data) > MAX_POLICY_BYTES:
        raise NoteError(f"the policy is longer than {MAX_POLICY_BYTES} bytes")
    if _FORBIDDEN.search(data) or not data.endswith(b"\n"):
        raise NoteError("the policy holds a control character or ends without newline")


def _definition(row: list[str]) -> Definition:
    """One line's definition, from its items."""
    match row:
        case ["log", key, *url] if len(url) <= 1:
            return Log(VerifierKey.parse(key), *url)
        case ["witness", name, key, *url] if len(url) <= 1:
            return Witness(name, VerifierKey.parse(key), *url)
        case ["group", name, rule, _, *_]:
            return Group(name, rule, tuple(row[3:]))
        case ["quorum", name]:
            return Quorum(name)
        case _:
            raise NoteError("a line of the policy is not a log, witness, group or quorum")


def _check_keys(definitions: tuple[Definition, ...]) -> None:
    """Each public key once, and of a type that can do what the line says."""
    publics: set[bytes] = set()
    for definition in definitions:
        if isinstance(definition, Log | Witness):
            key = definition.key
            types = _LOG_TYPES if isinstance(definition, Log) else _WITNESS_TYPES
            if key.type not in types:
                raise NoteError(f"the key {key.name} has a type that its line cannot use")
            if key.public in publics:
                raise NoteError(f"the public key of {key.name} stands in the policy twice")
            publics.add(key.public)


def _check_names(definitions: tuple[Definition, ...]) -> None:
    """Names are defined once and before use; members of one group only; one quorum."""
    defined: set[str] = set()
    members: set[str] = set()
    quorums = 0
    for definition in definitions:
        if isinstance(definition, Quorum):
            quorums += 1
            if definition.name not in defined and definition.name != NONE:
                raise NoteError("the quorum names what was not defined before")
        elif isinstance(definition, Group):
            _check_group(definition, defined, members)
            members.update(definition.members)
        if isinstance(definition, Witness | Group):
            if definition.name in defined or definition.name == NONE:
                raise NoteError("a name of the policy is defined twice, or is 'none'")
            defined.add(definition.name)
    if quorums != 1:
        raise NoteError("a policy has exactly one quorum line")


def _check_group(group: Group, defined: set[str], members: set[str]) -> None:
    own = set(group.members)
    if not own or len(own) != len(group.members) or not own.isdisjoint(members):
        raise NoteError("a group has no members, or one that is a member already")
    if not own <= defined:
        raise NoteError("a group names a member that was not defined before")
    if not 1 <= group.threshold <= len(group.members):
        raise NoteError("a group's threshold is not between 1 and its number of members")
