"""What the acts of a deal propose: engagement, documents, agreements, assessment, training, end.

As in `ledger.acts`, each function returns the proposals of one commit and judges nothing. What is
handed over is proposed in `ledger.custody`, what people are told in their own modules.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from domain.actor import ActorState
from domain.agreements import (
    AgreedKey,
    EvidenceAgreementSigned,
    NdaSigned,
    NdaTerminated,
    PipiaCompleted,
)
from domain.attached import DocumentAttached
from domain.closing import (
    CopiesDisposed,
    CredentialsReregistered,
    EngagementClosed,
    TrackingChecked,
)
from domain.engagement import EngagementOpened, EngagementState
from domain.training import TrainingCompleted
from ledger import sources
from ledger.acts import actor_state, given, texts
from ledger.application import Ledger
from ledger.errors import UsageError
from ledger.signing import Proposal, new_ids, now

MOST_DOCUMENT_BYTES: Final = 1 << 30
"""A document is read to its end for its digest; nothing of it is kept."""


def deal_state(ledger: Ledger, engagement: str) -> EngagementState:
    """The state of a deal. Raises `UsageError` if there is none of this id."""
    state = ledger.state(engagement)
    if not isinstance(state, EngagementState) or state.kind != "deal":
        msg = "there is no deal of this id; nothing was changed"
        raise UsageError(msg, "muniment engagement list")
    return state


# -- the engagement ---------------------------------------------------------------------------


def open_engagement(
    mode: str,
    seller: str,
    buyer: str,
    broker: str | None,
    *,
    title: str | None = None,
    dates: str | None = None,
) -> Proposal:
    """转让项目立项, under a new id; title and dates are sealed."""
    fields = {
        "kind": "deal", "transfer_mode": mode, "seller": seller, "buyer": buyer,
        **given(broker=broker),
    }  # fmt: skip
    stream = new_ids("engagement")[0]
    return Proposal(EngagementOpened, stream, fields, texts(title=title, dates=dates))


def close_engagement(engagement: str, outcome: str, statement: str | None) -> Proposal:
    """项目办结."""
    return Proposal(EngagementClosed, engagement, {"outcome": outcome}, texts(statement=statement))


def dispose_copies(
    engagement: str,
    party: str,
    how: str,
    count: int,
    disposed_at: str | None,
    sealed: Mapping[str, str] | None,
    certificate: str | None = None,
) -> Proposal:
    """交付副本处置: what a party had got was given back or destroyed, or it kept nothing.

    `certificate`: SHA-256 of the certificate, in hex.
    """
    fields = {
        "party": party, "how": how, "count": count, "disposed_at": disposed_at or now(),
        **given(certificate=certificate),
    }  # fmt: skip
    return Proposal(CopiesDisposed, engagement, fields, sealed)


def track(
    engagement: str,
    due: str,
    done_at: str | None,
    topics: Sequence[str],
    findings: int,
    note: str | None,
) -> Proposal:
    """移交后跟踪."""
    fields = {
        "due": due, "done_at": done_at or now(), "topics": list(topics), "findings": findings,
    }  # fmt: skip
    return Proposal(TrackingChecked, engagement, fields, texts(note=note))


def reregister(engagement: str, actors: Sequence[str]) -> Proposal:
    """凭据重新登记: these actors' keys were enrolled anew after an equity deal was opened."""
    return Proposal(CredentialsReregistered, engagement, {"actors": list(actors)})


# -- documents and what is signed on them -----------------------------------------------------


def read_document(file: Path) -> tuple[str, int]:
    """SHA-256 and size in bytes of a document's file.

    A link is followed, a pipe is not waited for. Raises `UsageError` if it cannot be read, or is
    empty or larger than a gibibyte.
    """
    try:
        found = sources.read(os.path.realpath(os.fsencode(file)))
    except (sources.SourceFault, OSError, ValueError) as fault:
        raise UsageError(
            "the document cannot be read ({cause}); nothing was recorded",
            "name a regular file that this user can read",
            cause=fault.cause if isinstance(fault, sources.SourceFault) else "not a file",
        ) from None
    if not 0 < found.size <= MOST_DOCUMENT_BYTES:
        raise UsageError("the document is empty or larger than 1 GiB; nothing was recorded")
    return found.digest.hex(), found.size


def attach_document(
    kind: str,
    digest: str,
    size: int,
    media_type: str,
    *,
    title: str | None = None,
    parties: Sequence[str] = (),
    begins_on: str | None = None,
    ends_on: str | None = None,
) -> Proposal:
    """文书登记, under a new id; its digest and title are sealed."""
    fields = {
        "kind": kind, "size": size, "media_type": media_type, "parties": list(parties),
        **given(begins_on=begins_on, ends_on=ends_on),
    }  # fmt: skip
    return Proposal(
        DocumentAttached, new_ids("document")[0], fields, texts(content=digest, title=title)
    )


def sign_agreement(
    ledger: Ledger,
    engagement: str,
    document: str,
    signers: Sequence[tuple[str, str]],
    *,
    time_source: str,
    extraction: str,
) -> Proposal:
    """电子数据约定书: `signers` are pairs of actor and role; each is named with the active key.

    Raises `UsageError` for an actor who has no active key.
    """
    fields = {
        "document": document,
        "signers": [
            AgreedKey(actor=actor, role=role, key=_act_key(ledger, actor))  # type: ignore[arg-type]
            for actor, role in signers
        ],
        "hash_alg": "sha256",
        "sig_alg": "ed25519",
        "time_source": time_source,
        "extraction": extraction,
    }
    return Proposal(EvidenceAgreementSigned, engagement, fields)


def _act_key(ledger: Ledger, actor: str) -> str:
    state: ActorState = actor_state(ledger, actor)
    key = state.active_key("act")
    if key is None:
        msg = "{actor} has no active key to be named; nothing was recorded"
        raise UsageError(msg, "muniment key enrol --actor ACTOR", actor=actor)
    return key.key.id


def sign_nda(
    engagement: str,
    document: str,
    disclosing: str,
    receiving: str,
    *,
    categories: Sequence[str],
    begins_on: str,
    ends_on: str | None,
    survival_days: int,
) -> Proposal:
    """保密协议签署."""
    fields = {
        "document": document, "disclosing_party": disclosing, "receiving_party": receiving,
        "categories": list(categories), "begins_on": begins_on, "survival_days": survival_days,
        **given(ends_on=ends_on),
    }  # fmt: skip
    return Proposal(NdaSigned, engagement, fields)


def terminate_nda(engagement: str, document: str, day: str) -> Proposal:
    """保密协议终止."""
    return Proposal(NdaTerminated, engagement, {"document": document, "terminated_on": day})


def record_pipia(
    engagement: str,
    document: str,
    categories: Sequence[str],
    conclusion: str,
    retain_until: str,
) -> Proposal:
    """影响评估完成."""
    fields = {
        "document": document, "categories": list(categories), "conclusion": conclusion,
        "retain_until": retain_until,
    }  # fmt: skip
    return Proposal(PipiaCompleted, engagement, fields)


# -- training ---------------------------------------------------------------------------------


def complete_training(actor: str, fields: Mapping[str, Any]) -> Proposal:
    """培训考核; `fields` as of `domain.training.TrainingCompleted`."""
    return Proposal(TrainingCompleted, actor, fields)
