"""Events are for decades: topics, field names and types of what was ever recorded are frozen."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from domain import TOPICS
from domain.agreements import AgreedKey
from domain.codes import ENUMERATIONS
from domain.destruction import Executed, Verified
from domain.handover import Excluded
from domain.ledger import Former
from domain.search import Indexed
from domain.values import Event, Key, SealedRef

VECTORS = Path(__file__).parent.parent / "vectors"
UPCAST = (
    "The schema of stored events changed. Stored bytes never change: raise `v` of the event, keep "
    "reading the old form by upcasting, and only add to tests/vectors/events.txt. Differs: "
)


def type_of(kind: msgspec.inspect.Type) -> str:
    """A type in one line, as the frozen list writes it.

    Enumerations by their names: their codes are frozen by themselves, and may be added to.
    """
    name = type(kind).__name__.removesuffix("Type").lower()
    if isinstance(kind, msgspec.inspect.LiteralType):
        codes = tuple(sorted(map(str, kind.values)))
        known = [e.name for e in ENUMERATIONS.values() if tuple(sorted(e.codes)) == codes]
        return known[0] if known else f"one of {'|'.join(codes)}"
    if isinstance(kind, msgspec.inspect.ListType):
        return f"list[{type_of(kind.item_type)}]{limits(kind)}"
    if isinstance(kind, msgspec.inspect.StructType):
        return kind.cls.__name__
    if isinstance(kind, msgspec.inspect.UnionType):
        return " or ".join(sorted(type_of(part) for part in kind.types))
    return name + limits(kind)


def limits(kind: msgspec.inspect.Type) -> str:
    said = [
        f"{name}={value}"
        for name in ("ge", "le", "min_length", "max_length")
        if (value := getattr(kind, name, None)) is not None
    ]
    return f"({','.join(said)})" if said else ""


def schema(kind: type[msgspec.Struct], title: str) -> list[str]:
    """A struct's fields, one a line: optional ones end with a question mark."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return [
        f"{title} {field.encode_name}{'' if field.required else '?'}: {type_of(field.type)}"
        for field in info.fields
    ]


def schemas() -> list[str]:
    """The envelope once, then each event's own fields, by topic; then what events are made of."""
    envelope = schema(Event, "*")
    own = set(Event.__struct_fields__)
    lines = envelope[:]
    for topic in sorted(TOPICS):
        fields = schema(TOPICS[topic], topic)
        # `stream` stands in the envelope, and its kind in the topic.
        lines += [line for line in fields if line.split(" ")[1].rstrip(":?") not in own]
    parts = (Key, SealedRef, Former, Executed, Verified, AgreedKey, Excluded, Indexed)
    return [*lines, *(line for part in parts for line in schema(part, part.__name__))]


def test_every_structure_that_an_event_is_made_of_is_listed() -> None:
    made_of: set[str] = set()
    for kind in TOPICS.values():
        for line in schema(kind, ""):
            made_of.update(re.findall(r"\b[A-Z]\w+", line))
    assert made_of - set(ENUMERATIONS) == {
        "Key", "SealedRef", "Former", "Executed", "Verified", "AgreedKey", "Excluded", "Indexed",
    }  # fmt: skip


def test_topics_are_frozen() -> None:
    frozen = (VECTORS / "topics.txt").read_text("ascii")
    assert "".join(f"{topic}\n" for topic in sorted(TOPICS)) == frozen


def test_a_topic_is_its_aggregate_and_what_happened() -> None:
    for topic, kind in TOPICS.items():
        aggregate, _, happened = topic.partition(".")
        assert aggregate
        past = ("ed", "lost", "found", "frozen", "drawn", "stored_offsite")
        assert happened.endswith(past), "an event is a past"
        assert kind.__struct_config__.tag == topic


def test_the_fields_of_events_are_frozen() -> None:
    frozen = (VECTORS / "events.txt").read_text("ascii").splitlines()
    differs = sorted(set(frozen) ^ set(schemas()))
    assert differs == [], UPCAST + "; ".join(differs)
    assert frozen == schemas(), UPCAST + "the order of fields"


def test_a_changed_schema_would_be_noticed() -> None:
    class Changed(Event, frozen=True, kw_only=True, tag="record.archived"):
        stream: str
        shelf: int

    assert [line for line in schema(Changed, "record.archived") if "shelf" in line] == [
        "record.archived shelf: int"
    ]
    assert not any("shelf" in line for line in schemas())


def test_every_event_is_of_the_first_schema_version() -> None:
    for kind in TOPICS.values():
        assert msgspec.structs.fields(kind)[0].default == 1
