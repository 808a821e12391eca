"""What people read instead of the topic of an event and the code of a finding.

>>> topic_label("record.collected", "zh"), topic_label("record.collected", "en")
('资料收集', 'Record collected')
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.cli.language import Language

TOPICS: Final[Mapping[str, tuple[str, str]]] = {
    "ledger.initialized": ("账本建立", "Ledger opened"),
    "ledger.key_rotated": ("账本密钥更换", "Ledger key replaced"),
    "ledger.bundle_imported": ("接收外部账本资料", "Taken over from another ledger"),
    "ledger.replica_compared": ("账本比对", "Replicas compared"),
    "policy.adopted": ("制度发布", "Policy adopted"),
    "draft.voided": ("草稿作废", "Draft voided"),
    "party.registered": ("主体登记", "Party registered"),
    "actor.registered": ("人员登记", "Actor registered"),
    "actor.key_enrolled": ("密钥登记", "Key enrolled"),
    "actor.key_rotated": ("密钥更换", "Key replaced"),
    "actor.key_revoked": ("密钥吊销", "Key revoked"),
    "actor.key_compromised": ("密钥失密告知", "Key reported as compromised"),
    "actor.role_granted": ("授予角色", "Role granted"),
    "actor.role_revoked": ("撤销角色", "Role revoked"),
    "actor.training_completed": ("培训考核", "Training completed"),
    "engagement.opened": ("转让项目立项", "Engagement opened"),
    "engagement.evidence_agreement_signed": ("电子数据与电子签名约定书签署", "Keys agreed on"),
    "engagement.nda_signed": ("保密协议签署", "Confidentiality agreed"),
    "engagement.nda_terminated": ("保密协议终止", "Confidentiality agreement ended"),
    "engagement.pipia_completed": ("影响评估完成", "Impact assessed"),
    "engagement.tracking_checked": ("移交后跟踪", "Tracking check done"),
    "engagement.copies_disposed": ("所获副本处置", "Copies returned or destroyed"),
    "engagement.credentials_reregistered": ("凭据重新登记", "Credentials registered anew"),
    "engagement.closed": ("项目办结", "Engagement closed"),
    "document.attached": ("文书登记", "Document attached"),
    "record.collected": ("资料收集", "Record collected"),
    "record.corrected": ("资料更正", "Record corrected"),
    "record.verified": ("资料审核", "Record reviewed"),
    "record.classified": ("分类定级", "Record classified"),
    "record.reclassified": ("重新定级", "Record reclassified"),
    "record.retention_assigned": ("确定保管期限", "Retention assigned"),
    "record.archived": ("归档", "Record archived"),
    "holding.created": ("副本建立", "Copy registered"),
    "holding.moved": ("移库", "Copy moved"),
    "holding.returned": ("副本返还", "Copy returned"),
    "holding.lost": ("副本遗失", "Copy lost"),
    "record.digitized": ("纸质数字化", "Paper digitised"),
    "record.processing_restricted": ("限制处理", "Processing restricted"),
    "record.restriction_lifted": ("解除限制", "Restriction lifted"),
    "record.purpose_ended": ("目的终止", "Purpose ended"),
    "record.anonymized": ("匿名化", "Anonymised"),
    "record.accessed": ("资料访问", "Record accessed"),
    "record.access_denied": ("拒绝访问", "Access denied"),
    "grant.access_granted": ("访问授权", "Access granted"),
    "grant.access_revoked": ("撤销授权", "Access revoked"),
    "engagement.access_reviewed": ("访问审查", "Access reviewed"),
    "backup.created": ("备份", "Backup made"),
    "backup.verified": ("备份校验", "Backup verified"),
    "backup.stored_offsite": ("异地存放", "Backup stored off-site"),
    "backup.restore_drill_performed": ("恢复演练", "Restore drill performed"),
    "backup.restored": ("实际恢复", "Contents restored"),
    "backup.expired": ("备份到期清除", "Backup expired"),
    "handover.planned": ("移交计划", "Handover planned"),
    "handover.list_frozen": ("移交清单锁定", "Handover list frozen"),
    "handover.released": ("交付", "Released"),
    "handover.received": ("接收", "Received"),
    "handover.confirmed": ("移交确认", "Handover confirmed"),
    "handover.cancelled": ("移交终止", "Handover cancelled"),
    "handover.inspected": ("验收", "Inspected"),
    "handover.discrepancy_raised": ("移交差异", "Discrepancy raised"),
    "handover.discrepancy_resolved": ("差异处理", "Discrepancy settled"),
    "handover.deemed_accepted": ("视为接收", "Deemed accepted"),
    "handover.residual_declared": ("留存副本声明", "Kept copies declared"),
    "hold.legal_hold_placed": ("冻结", "Hold placed"),
    "hold.legal_hold_released": ("解除冻结", "Hold released"),
    "medium.registered": ("介质登记", "Medium registered"),
    "key.copy_registered": ("密钥副本登记", "Key copy registered"),
    "key.copy_cleared": ("密钥副本清除", "Key copy cleared"),
    "key.copy_destroyed": ("密钥副本销毁", "Key copy destroyed"),
    "subject.found": ("查明主体", "Person found in records"),
    "subject.consent_granted": ("取得同意", "Consent given"),
    "subject.consent_withdrawn": ("撤回同意", "Consent withdrawn"),
    "subject.suppressed": ("列入禁止营销名单", "Put on the suppression list"),
    "notice.issued": ("告知发出", "Notice issued"),
    "notice.delivered": ("告知送达", "Notice delivered, or not"),
    "engagement.consent_exempted": ("不需取得同意", "Consent not needed"),
    "rights.request_received": ("收到个人请求", "Request received"),
    "rights.requester_identity_verified": ("核验身份", "Requester's identity checked"),
    "rights.request_decided": ("请求决定", "Request decided"),
    "rights.request_fulfilled": ("请求完成", "Request fulfilled"),
    "rights.request_closed": ("请求办结", "Request closed"),
    "destruction_case.destruction_proposed": ("销毁申请", "Destruction proposed"),
    "destruction_case.disposal_appraised": ("鉴定", "Disposal appraised"),
    "destruction_case.destruction_approved": ("销毁审批", "Destruction approved"),
    "destruction_case.destruction_rejected": ("销毁驳回", "Destruction rejected"),
    "destruction_case.destruction_executed": ("销毁执行", "Destruction executed"),
    "destruction_case.destruction_verified": ("销毁核验", "Destruction verified"),
    "destruction_case.destruction_failed": ("销毁失败", "Destruction failed"),
    "destruction_case.destruction_certified": ("出具销毁证明", "Destruction certified"),
    "document.certificate_issued": ("文书出具", "Document issued"),
    "document.certificate_superseded": ("文书作废/更正", "Document superseded"),
}

FINDINGS: Final[Mapping[str, tuple[str, str]]] = {
    "notice_missing": ("缺少告知", "notice missing"),
    "retention_conflict": ("保管期限冲突", "retention conflict"),
    "review_failed": ("审核未通过", "review failed"),
    "content_does_not_match": ("内容不符", "content does not match"),
    "recorded_late": ("补录", "recorded late"),
    "copy_lost": ("副本遗失", "copy lost"),
    "continuity_broken": ("密钥不连续", "continuity broken"),
    "key_compromised": ("密钥失密", "key compromised"),
}

FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("题名", "title"),
    "source": ("来源", "source"),
    "notice": ("告知凭证", "notice"),
    "content": ("内容摘要", "content"),
    "location": ("位置", "location"),
    "location_bytes": ("位置(原始字节)", "location (bytes)"),
    "remark": ("备注", "remark"),
    "rationale": ("理由", "rationale"),
    "name": ("名称", "name"),
    "identifier": ("代码", "identifier"),
    "position": ("职务", "position"),
    "archive_no": ("档号", "archive no."),
    "series": ("案卷", "series"),
    "from": ("移出地", "from"),
    "to": ("移入地", "to"),
    "carrier": ("承运", "carrier"),
    "description": ("说明", "description"),
    "seed": ("清单明细种子", "seed of the lines"),
    "seal_no": ("封签号", "seal no."),
    "condition": ("状况", "condition"),
    "last_seen": ("最后所见", "last seen"),
    "circumstances": ("经过", "circumstances"),
    "ticket": ("工单", "ticket"),
    "reason": ("理由", "reason"),
    "report": ("报告", "report"),
    "tool": ("工具", "tool"),
    "authority": ("依据文书", "authority"),
    "device": ("设备", "device"),
    "place": ("地点", "place"),
    "method": ("方式", "method"),
    "package": ("移交包摘要", "package"),
    "channel": ("交付渠道", "channel"),
    "seal_state": ("封签状况", "seal state"),
    "opinion": ("鉴定意见", "opinion"),
    "cause": ("原因", "cause"),
    "residual": ("留存说明", "residual"),
    "contact": ("联系方式", "contact"),
    "reasons": ("理由", "reasons"),
    "delivered": ("交付内容摘要", "delivered"),
    "destination": ("介质去向", "destination"),
    "environment": ("环保处理", "environment"),
    "recipients": ("接收人", "recipients"),
    "manufacturer": ("制造商", "manufacturer"),
    "model": ("型号", "model"),
    "serial": ("序列号", "serial no."),
    "label": ("标签", "label"),
    "scope": ("范围", "placed on"),
    "purpose": ("新的目的", "new purpose"),
    "columns": ("各列处理", "columns"),
}


def topic_label(topic: str, language: Language) -> str:
    """The name of an event's kind; the topic itself if it has none."""
    return _in(TOPICS, topic, language)


def finding_label(code: str, language: Language) -> str:
    """The name of a finding."""
    return _in(FINDINGS, code, language)


def field_label(path: str, language: Language) -> str:
    """The name of a sealed field."""
    return _in(FIELDS, path, language)


def _in(labels: Mapping[str, tuple[str, str]], code: str, language: Language) -> str:
    chinese, english = labels.get(code, (code, code))
    return chinese if language == "zh" else english
