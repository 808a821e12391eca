"""Training of those who hand over, approve and destroy (PIPL 51(4); I-08).

Where the pack makes it a gate, a handover asks for it (`domain.gates`), and so does here whatever
an approver or an operator signs as that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from domain.actor import ActorState, Trained
from domain.anonymization import RecordAnonymized
from domain.backup import BackupExpired
from domain.codes import TrainingMode, TrainingTopic
from domain.destruction import DestructionApproved, DestructionExecuted
from domain.gates import against_untrained_signers
from domain.hold import LegalHoldReleased
from domain.judging import Case, Refusal, evolves, refuse, rule
from domain.keycopy import KeyCopyCleared, KeyCopyDestroyed
from domain.notice import ConsentExempted
from domain.record import RecordReclassified, RetentionAssigned
from domain.restriction import RestrictionLifted
from domain.values import ActorId, Count, Date, Event, Ordinal, is_day


class TrainingCompleted(Event, frozen=True, kw_only=True, tag="actor.training_completed"):
    """培训考核: what an actor was taught and examined in; passed with `pass_mark` points or more.

    `on`: the day of the examination; `valid_to`: the last day on which it counts.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"administrator", "dpo", "security_officer"})

    stream: ActorId
    topic: TrainingTopic
    mode: TrainingMode
    on: Date
    score: Count
    pass_mark: Ordinal
    valid_to: Date

    @property
    def passed(self) -> bool:
        """Whether the score reaches the mark."""
        return self.score >= self.pass_mark


@evolves(TrainingCompleted, identity=True)
def _trained(state: ActorState, event: TrainingCompleted, _: int, __: str) -> ActorState:
    state.trained[event.topic] = Trained(event.on, event.valid_to, event.passed)
    return state


@rule(TrainingCompleted)
def examined_by_another(case: Case, event: TrainingCompleted) -> Iterator[Refusal]:
    """Nobody examines oneself, and nobody is examined in the future (I-07, I-04)."""
    if case.world.state(event.stream, ActorState) is None:
        yield refuse("I-09", "unknown_actor", event.stream)
    if event.by == event.stream:
        yield refuse("I-07", "examined_by_oneself", event.stream)
    if not (is_day(event.on) and is_day(event.valid_to)):
        yield refuse("I-04", "no_such_day", event.stream)
        return
    if event.on > case.day:
        yield refuse("I-04", "not_yet_happened", event.stream)
    if event.valid_to < event.on:
        yield refuse("I-04", "ended_before_started", event.stream)


@rule(
    BackupExpired, ConsentExempted, DestructionApproved, DestructionExecuted, KeyCopyCleared,
    KeyCopyDestroyed, LegalHoldReleased, RecordAnonymized, RecordReclassified, RestrictionLifted,
    RetentionAssigned,
)  # fmt: skip
def approvers_and_operators_are_trained(case: Case, _: Event) -> Iterator[Refusal]:
    """Who approves is trained in approving, and who destroys in destroying (I-08)."""
    yield from against_untrained_signers(case, "approval", "approver")
    yield from against_untrained_signers(case, "destruction", "destruction_operator")
