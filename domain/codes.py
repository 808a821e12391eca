"""Every code that an event may hold, with its Chinese and English label.

An enumeration exists twice, and a test keeps both equal: as a `Literal` type of the same name,
which msgspec decodes strictly and mypy checks, and as an `Enumeration` in `ENUMERATIONS`, which
gives titles, labels and order. Codes are frozen: stored events hold them for decades. A code may
be added; none is renamed, reused or removed.

>>> label("RecordCategory", "communication.call_recording", "zh")
'电话录音'
>>> ENUMERATIONS["AccessOutcome"].codes
('allowed', 'denied', 'break_glass')
>>> covers("communication", "communication.sms"), covers("communication.sms", "communication")
(True, False)
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct

from domain.codes_audit import TABLES as _AUDIT
from domain.codes_audit import (
    AuditChapter,
    AuditKind,
    AuditOpinion,
    AuditPopulation,
    FindingResponse,
    FindingSeverity,
    RemediationOutcome,
)
from domain.codes_custody import TABLES as _CUSTODY
from domain.codes_custody import (
    AccessMode,
    AccessOutcome,
    AccessPurpose,
    AnonymizationTechnique,
    BackupKind,
    BackupMedium,
    CertificateVerdict,
    DestructionGround,
    DestructionMethodClass,
    DestructionTechnique,
    DisposalAction,
    HoldReason,
    HoldScope,
    ItemOutcome,
    KeyCopyKind,
    LookBasis,
    PurposeEnd,
    ReplicaComparison,
    RestrictReason,
    RetentionTrigger,
    SerialSource,
    VerificationMethod,
    VerificationResult,
)
from domain.codes_deal import TABLES as _DEAL
from domain.codes_deal import (
    AgreedExtraction,
    AgreedTimeSource,
    CopyDisposal,
    EngagementOutcome,
    NoticeArticle,
    PipiaConclusion,
    TrackingTopic,
    TrainingMode,
    TrainingTopic,
    TransferPath,
)
from domain.codes_evidence import TABLES as _EVIDENCE
from domain.codes_evidence import BundleScope, EvidenceRecipient, RedactionReason
from domain.codes_handover import TABLES as _HANDOVER
from domain.codes_handover import (
    DigestCheck,
    DiscrepancyResolution,
    ExclusionReason,
    PlanDeviation,
    ReplacementReason,
    ResidualBasis,
    SealCondition,
    UsabilityCheck,
)
from domain.codes_notice import TABLES as _NOTICE
from domain.codes_notice import (
    DeliveryStatus,
    ExemptionBasis,
    NoticeChannel,
    NoticeKind,
    SuppressionReason,
)
from domain.codes_people import TABLES as _PEOPLE
from domain.codes_people import (
    ActorFunction,
    Jurisdiction,
    KeyPurpose,
    KeyState,
    LateReason,
    PartyKind,
    RevocationReason,
    Role,
)
from domain.codes_record import TABLES as _RECORD
from domain.codes_record import (
    BusinessArea,
    CheckResult,
    ClassificationProfile,
    CollectionMethod,
    CorrectionReason,
    CustomerNeed,
    CustomerType,
    DataLevel,
    HoldingState,
    MediumForm,
    RecordCategory,
    RecordState,
    Relationship,
    ReviewCheck,
    SensitivePiKind,
    Sensitivity,
)
from domain.codes_transfer import TABLES as _TRANSFER
from domain.codes_transfer import (
    ConsentKind,
    CrossBorderRoute,
    DiscrepancyKind,
    DocumentKind,
    IdentityMethod,
    IncidentKind,
    IncidentLevel,
    LegalBasis,
    NoticeExemption,
    NoticeStatus,
    RequestChannel,
    RequestDecision,
    RequestEnding,
    RightsRequestType,
    TransferMode,
)

__all__ = [
    "ENUMERATIONS",
    "AccessMode",
    "AccessOutcome",
    "AccessPurpose",
    "ActorFunction",
    "AgreedExtraction",
    "AgreedTimeSource",
    "AnonymizationTechnique",
    "AuditChapter",
    "AuditKind",
    "AuditOpinion",
    "AuditPopulation",
    "BackupKind",
    "BackupMedium",
    "BundleScope",
    "BusinessArea",
    "CertificateVerdict",
    "CheckResult",
    "ClassificationProfile",
    "Code",
    "CollectionMethod",
    "ConsentKind",
    "CopyDisposal",
    "CorrectionReason",
    "CrossBorderRoute",
    "CustomerNeed",
    "CustomerType",
    "DataLevel",
    "DeliveryStatus",
    "DestructionGround",
    "DestructionMethodClass",
    "DestructionTechnique",
    "DigestCheck",
    "DiscrepancyKind",
    "DiscrepancyResolution",
    "DisposalAction",
    "DocumentKind",
    "EngagementOutcome",
    "Enumeration",
    "EvidenceRecipient",
    "ExclusionReason",
    "ExemptionBasis",
    "FindingResponse",
    "FindingSeverity",
    "HoldReason",
    "HoldScope",
    "HoldingState",
    "IdentityMethod",
    "IncidentKind",
    "IncidentLevel",
    "ItemOutcome",
    "Jurisdiction",
    "KeyCopyKind",
    "KeyPurpose",
    "KeyState",
    "Language",
    "LateReason",
    "LegalBasis",
    "LookBasis",
    "MediumForm",
    "NoticeArticle",
    "NoticeChannel",
    "NoticeExemption",
    "NoticeKind",
    "NoticeStatus",
    "PartyKind",
    "PipiaConclusion",
    "PlanDeviation",
    "PurposeEnd",
    "RecordCategory",
    "RecordState",
    "RedactionReason",
    "Relationship",
    "RemediationOutcome",
    "ReplacementReason",
    "ReplicaComparison",
    "RequestChannel",
    "RequestDecision",
    "RequestEnding",
    "ResidualBasis",
    "RestrictReason",
    "RetentionTrigger",
    "ReviewCheck",
    "RevocationReason",
    "RightsRequestType",
    "Role",
    "SealCondition",
    "SensitivePiKind",
    "Sensitivity",
    "SerialSource",
    "SuppressionReason",
    "TrackingTopic",
    "TrainingMode",
    "TrainingTopic",
    "TransferMode",
    "TransferPath",
    "UsabilityCheck",
    "VerificationMethod",
    "VerificationResult",
    "covers",
    "label",
]

Language = Literal["zh", "en"]


class Code(Struct, frozen=True):
    """One value: the frozen `code` and what people read instead of it."""

    code: str
    zh: str
    en: str


class Enumeration(Struct, frozen=True):
    """A closed list of codes, in the order in which people are shown them."""

    name: str
    title_zh: str
    title_en: str
    values: tuple[Code, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes alone, in order."""
        return tuple(value.code for value in self.values)


_TABLES: Final = {
    **_RECORD, **_PEOPLE, **_CUSTODY, **_DEAL, **_EVIDENCE, **_HANDOVER, **_NOTICE, **_TRANSFER,
    **_AUDIT,
}  # fmt: skip

ENUMERATIONS: Final[Mapping[str, Enumeration]] = MappingProxyType(
    {
        name: Enumeration(name, zh, en, tuple(Code(*row) for row in rows))
        for name, (zh, en, rows) in _TABLES.items()
    }
)
"""Every enumeration by the name of its type."""

_CODES: Final = {
    (name, value.code): value for name, known in ENUMERATIONS.items() for value in known.values
}


def label(enumeration: str, code: str, language: Language) -> str:
    """What people read for `code`, in Chinese (`zh`) or English (`en`).

    Raises `KeyError` with both names when there is no such enumeration or code in it.
    """
    value = _CODES[enumeration, code]
    return value.zh if language == "zh" else value.en


def covers(category: str, code: str) -> bool:
    """Whether a record category is `code` itself or the parent that `code` is a part of."""
    return code == category or code.startswith(f"{category}.")
