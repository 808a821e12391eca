"""What may happen: events, the rules that judge them, and the folds that they lead to.

Rules only: no input, no output, no clock, no randomness. Importing this package registers every
event class under its frozen topic in `TOPICS`.

>>> TOPICS["record.collected"].__name__
'RecordCollected'
"""

from __future__ import annotations

from collections.abc import Mapping

from domain import (
    access,
    actor,
    agreements,
    anchor,
    anonymization,
    attached,
    audit,
    audit_rules,
    backup,
    backup_rules,
    bundle,
    closing,
    confirmation,
    destruction,
    digitization,
    disposal,
    document,
    engagement,
    handover,
    handover_rules,
    hold,
    holding,
    inspection,
    keycopy,
    ledger,
    medium,
    notice,
    party,
    record,
    replacement,
    replica,
    residual,
    restriction,
    rights,
    search,
    subject,
    training,
)
from domain.values import Event, topic_of

_MODULES = (
    ledger, party, actor, engagement, record, digitization, restriction, holding, access, backup,
    backup_rules,
    handover, handover_rules, confirmation, inspection, replacement, residual,
    hold, keycopy, medium, destruction, disposal, anonymization, rights,
    document,
    attached, agreements, closing, training,
    replica,
    subject, search, notice,
    anchor, bundle,
    audit, audit_rules,
)  # fmt: skip

TOPICS: Mapping[str, type[Event]] = {
    topic_of(kind): kind
    for module in _MODULES
    for kind in vars(module).values()
    if isinstance(kind, type)
    and issubclass(kind, Event)
    and kind.__module__ == module.__name__
    and isinstance(kind.__struct_config__.tag, str)
}
"""Every event class by topic; a topic never changes its meaning."""
