"""Decodes the events of a commit together: the answer of `evidence.decode_event`, much faster.

Each event class has a twin with the same members of the same types, declared in the order in
which canonical bytes have them, the tag as a member like the others. msgspec then finds every
member where it looks first, needs no sorting to write it, and one decoder serves one topic. The
acceptance rule stays: printable ASCII without escapes, a typed decode, and the same bytes when
encoded again. Whatever does not pass is decoded by `decode_event`, one by one, and that answer
stands: the fast way only ever says yes, and never names a cause.
"""

from __future__ import annotations

import types
from collections.abc import Container, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from domain import TOPICS
from ledger.errors import EncodingError
from ledger.evidence import decode_event
from ledger.tlog.encoding import MAX_EVENT_BYTES

FEW: Final = 8
"""Up to so many events are decoded one by one."""

_encoder = msgspec.json.Encoder()
_encode = _encoder.encode
_Decoder = msgspec.json.Decoder[Any]


def _converted(kind: Any) -> Any:  # noqa: ANN401  any annotation
    """An annotation with twins in the place of Structs."""
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *metas = get_args(kind)
        inner = _converted(inner)
        for meta in metas:
            inner = Annotated[inner, meta]
        return inner
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _twin(kind)
    if origin is None or origin is Literal:
        return kind
    members = tuple(map(_converted, get_args(kind)))
    return Union[members] if origin in (Union, types.UnionType) else origin[members]  # noqa: UP007


@cache
def _twin(kind: type[Struct]) -> type[Struct]:
    """The class with the members of `kind` in canonical order, its tag among them."""
    hints = get_type_hints(kind, include_extras=True)
    fields: list[tuple[Any, ...]] = []
    for field in msgspec.structs.fields(kind):
        default = () if field.default is msgspec.NODEFAULT else (field.default,)
        if field.default_factory is not msgspec.NODEFAULT:
            default = (msgspec.field(default_factory=field.default_factory),)
        fields.append((field.encode_name, _converted(hints[field.name]), *default))
    config = kind.__struct_config__
    if config.tag is not None:
        fields.append((config.tag_field, Literal[config.tag]))
    return msgspec.defstruct(
        kind.__name__, sorted(fields, key=lambda field: str(field[0])),
        kw_only=True, frozen=True, forbid_unknown_fields=True, gc=False,
    )  # fmt: skip


@cache
def _decoder(kind: type[Struct]) -> _Decoder:
    return msgspec.json.Decoder(_twin(kind))


_KINDS: Final = {topic.encode("ascii"): kind for topic, kind in TOPICS.items()}


class Reader:
    """Decodes events of commits; those of the topics in `whole` into their own classes.

    Twins have the attributes of their class, nothing else; `topic_of` tells what they are.
    """

    def __init__(self, whole: Container[type]) -> None:
        self._whole: Final = {topic.encode() for topic, kind in TOPICS.items() if kind in whole}
        self._decoders: dict[bytes, _Decoder] = {}
        self.topic_of: Final[dict[type, bytes]] = {k: t.encode() for t, k in TOPICS.items()}
        """The topic, as the column holds it, of every class that is handed out."""

    def read(self, states: Sequence[bytes], topics: Sequence[bytes]) -> Sequence[Any]:
        """The events that canonical bytes hold.

        `topics`: what the column says of each, a hint only. Raises `EncodingError` for the first
        event that is not acceptable.
        """
        together = self._fast(states, topics) if len(states) > FEW else None
        return together or [decode_event(state) for state in states]

    def read_agreeing(
        self,
        states: Sequence[bytes],
        topics: Sequence[bytes],
        streams: Sequence[bytes],
        versions: Sequence[int],
    ) -> Sequence[Any] | None:
        """The events if all are acceptable and the columns of their rows say what they say."""
        try:
            events = self.read(states, topics)
        except EncodingError:
            return None
        topic_of = self.topic_of
        identities = "".join([event.stream[-36:] for event in events]).replace("-", "")
        agree = (
            set(map(len, streams)) == {16}
            and b"".join(streams).hex() == identities
            and list(versions) == [event.version for event in events]
            and list(topics) == [topic_of[type(event)] for event in events]
        )
        return events if agree else None

    def _prepare(self, topics: AbstractSet[bytes]) -> None:
        """Make the twins of these topics, each of which takes longer than a few events do."""
        for topic in topics:
            kind = _KINDS[topic]
            self._decoders[topic] = _decoder(kind)
            self.topic_of[_twin(kind)] = topic

    def _fast(self, states: Sequence[bytes], topics: Sequence[bytes]) -> Sequence[Any] | None:
        together = b"\n".join([*states, b""])
        kinds = set(topics)
        if (
            not together.isascii()
            or b"\x7f" in together
            or b"\\" in together
            or not kinds <= _KINDS.keys()
            or kinds & self._whole
            or max(map(len, states)) > MAX_EVENT_BYTES
        ):
            return None
        if not kinds <= self._decoders.keys():
            self._prepare(kinds)
        try:
            if len(kinds) == 1:
                return self._lines(together, topics[0], len(states))
            decoders = self._decoders
            events = [
                decoders[topic].decode(state) for topic, state in zip(topics, states, strict=True)
            ]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return events if list(map(_encode, events)) == list(states) else None

    def _lines(self, together: bytes, topic: bytes, count: int) -> Sequence[Any] | None:
        """Events of one kind, from their bytes with a newline after each.

        What is encoded has a newline after each event and none inside, so if it equals `together`,
        the newlines there are those after the states, and each state is one event.
        """
        events: list[Any] = self._decoders[topic].decode_lines(together)
        same = len(events) == count and _encoder.encode_lines(events) == together
        return events if same else None
