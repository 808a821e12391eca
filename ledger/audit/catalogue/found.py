"""What is missing, late, or not as the events say: the codes of the replay's own checks."""

from __future__ import annotations

from typing import Final

from ledger.audit.catalogue.text import Table

_VAULT: Final = "muniment vault check; bring it back from a backup: muniment backup restore BACKUP"
_VAULT_ZH: Final = "muniment vault check；从备份取回：muniment backup restore BACKUP"
_AGAIN: Final = (
    "destroy it again: muniment ledger reapply; then say so: muniment destroy verify CASE"
)
_AGAIN_ZH: Final = "重新销毁：muniment ledger reapply；再予核验：muniment destroy verify CASE"
_WHERE: Final = (
    "look for it: muniment holding show COPY; say where it is: muniment holding move COPY, or that "
    "it is lost: muniment holding lost COPY"
)
_WHERE_ZH: Final = (
    "查找：muniment holding show COPY；登记现位置：muniment holding move COPY，"
    "或登记遗失：muniment holding lost COPY"
)
_GATES: Final = "muniment engagement status ENGAGEMENT"

_DEALS: Final = Table("complete", (), {
    "gate_bypassed": (
        "medium", "I-23", "duty", "a list was released although a gate of the deal was red then",
        "转让的某道关口当时未通过，清单却已放行",
        _GATES + "; supply what is missing, and say why late",
        _GATES + "；补齐所缺并说明迟延原因"),
    "gate_red": ("note", "I-23", "plain", "a gate of a deal under way waits for something",
        "进行中的转让有关口待完成", _GATES, _GATES),
    "gate_unknown": ("medium", "I-23", "unknown", "the gates of a deal cannot be computed",
        "无法计算某项转让的关口", "muniment verify", "muniment verify"),
    "discrepancy_open": ("medium", "I-23", "custody",
        "something did not fit on arrival, and nobody has settled it", "到货不符尚未处理",
        "muniment handover discrepancy resolve HANDOVER NUMBER --resolution CODE",
        "muniment handover discrepancy resolve HANDOVER NUMBER --resolution CODE"),
    "pipia_missing": ("high", "I-17", "duty",
        "a list of personal data is frozen, and nobody assessed the impact",
        "含个人信息的清单已冻结，却无影响评估", "muniment pipia record DOCUMENT",
        "muniment pipia record DOCUMENT"),
    "people_not_cleared": ("high", "I-14", "duty",
        "people on a frozen list were not told, or did not agree where that is asked for",
        "清单所涉个人未被告知，或应取得的同意未取得",
        ("muniment notice issue; muniment consent record; or leave them out: muniment handover "
        "freeze"),
        "muniment notice issue；muniment consent record；或将其排除：muniment handover freeze"),
    "residual_overdue": ("medium", "I-24", "duty",
        "what the seller keeps of what it handed over is not declared in time",
        "卖方留存副本逾期未申报", "muniment handover residual HANDOVER",
        "muniment handover residual HANDOVER"),
    "residual_period_over": ("high", "I-24", "duty",
        "a declared copy is still there after the day until which it might be kept",
        "申报留存的副本已过留存期限仍在", "muniment destroy propose --copy COPY",
        "muniment destroy propose --copy COPY"),
    "tracking_overdue": (
        "medium", "I-16", "duty", "a check after a handover was not made in time",
        "移交后的跟踪检查逾期未做", "muniment engagement track ENGAGEMENT",
        "muniment engagement track ENGAGEMENT"),
    "closing_report_missing": (
        "low", "I-23", "duty", "a closed deal has no closing report", "已结束的转让没有结项报告",
        "muniment document issue closing_report ENGAGEMENT",
        "muniment document issue closing_report ENGAGEMENT"),
    "copies_not_returned": ("high", "I-22", "duty",
        "after the end of a deal the other side still has copies that are not its own",
        "转让结束后对方仍持有不属于它的副本",
        "muniment holding return COPY; muniment engagement dispose ENGAGEMENT",
        "muniment holding return COPY；muniment engagement dispose ENGAGEMENT"),
})  # fmt: skip

_RECORDS: Final = Table("complete", (("pipl", "51"),), {
    "unclassified": ("low", "I-11", "duty", "records were collected and never classified",
        "资料已收集却未分类分级", "muniment classify RECORD", "muniment classify RECORD"),
    "category_other": (
        "note", "I-11", "duty", "records are classified as `other`: give them a label",
        "资料归入“其他”：应另加标注", "muniment classify RECORD", "muniment classify RECORD"),
    "notice_missing": ("medium", "I-10", "duty",
        "personal data was collected without notice and without an exemption",
        "收集个人信息时既未告知也无豁免",
        "muniment notice issue; it blocks a handover until then",
        "muniment notice issue；在此之前不得移交"),
    "retention_missing": ("medium", "I-12", "duty", "classified records have no retention period",
        "已分类的资料没有保存期限", "muniment retention assign RECORD",
        "muniment retention assign RECORD"),
    "retention_conflict": (
        "medium", "I-12", "duty", "retention periods contradict each other, and nobody decided",
        "保存期限相互冲突而未决定", "muniment retention conflicts",
        "muniment retention conflicts"),
    "deletion_overdue": ("high", "I-12", "duty",
        "records that had to be gone are still there, and no hold keeps them",
        "应当删除的资料仍在，且无冻结可依",
        "muniment retention due; muniment destroy propose RECORD",
        "muniment retention due；muniment destroy propose RECORD"),
    "disposal_due": ("note", "I-12", "plain", "records are due for review, transfer or disposal",
        "资料到期待鉴定或处置", "muniment retention due", "muniment retention due"),
})  # fmt: skip

_BACKUPS: Final = Table("complete", (), {
    "never_backed_up": ("medium", "I-19", "duty", "a content was never backed up", "内容从未备份",
        "muniment backup create TARGET --medium CODE",
        "muniment backup create TARGET --medium CODE"),
    "backup_too_old": (
        "medium", "I-19", "duty", "the last backup of a content is too old", "最近一次备份过旧",
        "muniment backup create TARGET --medium CODE",
        "muniment backup create TARGET --medium CODE"),
    "no_offsite_copy": (
        "medium", "I-19", "duty", "no backup of a content lies off-site", "没有异地备份",
        "muniment backup offsite BACKUP --place TEXT",
        "muniment backup offsite BACKUP --place TEXT"),
    "not_verified": (
        "medium", "I-19", "duty", "a backup was not read again in time", "备份逾期未核验",
        "muniment backup verify BACKUP", "muniment backup verify BACKUP"),
    "verification_failed": ("high", "I-19", "duty", "the last verification of a backup failed",
        "最近一次备份核验未通过", "muniment backup create TARGET --medium CODE",
        "muniment backup create TARGET --medium CODE"),
    "no_drill": ("medium", "I-19", "duty", "nobody practised to restore a backup in time",
        "逾期未做恢复演练", "muniment backup drill BACKUP --into DIR",
        "muniment backup drill BACKUP --into DIR"),
    "drill_failed": (
        "high", "I-19", "duty", "the last restore drill did not bring everything back",
        "最近一次恢复演练未能全部恢复", "muniment backup verify BACKUP",
        "muniment backup verify BACKUP"),
    "destruction_not_verified": (
        "medium", "I-30", "duty", "a destruction was executed and nobody read it back",
        "销毁已执行却未核验", "muniment destroy verify CASE", "muniment destroy verify CASE"),
    "destruction_not_certified": (
        "low", "I-30", "duty", "a destruction was verified and not certified",
        "销毁已核验却未出具证明", "muniment destroy certify CASE",
        "muniment destroy certify CASE"),
    "key_copy_overdue": ("high", "I-29", "duty", "a copy of keys is kept longer than was said",
        "密钥副本超过所定期限仍在", "muniment keystore copy-destroyed COPY",
        "muniment keystore copy-destroyed COPY"),
    "key_copy_not_cleared": (
        "high", "I-29", "custody", "a copy of keys still holds keys that were shredded",
        "密钥副本中仍有应已销毁的密钥", "muniment keystore clear COPY",
        "muniment keystore clear COPY"),
    "keystore_unregistered": ("note", "I-29", "plain",
        "nobody has named what the keystore lies on: certificates say partial",
        "未登记密钥库所在介质：销毁证明只能写“部分”", "muniment keystore register --kind live",
        "muniment keystore register --kind live"),
    "medium_unregistered": (
        "note", "I-19", "plain", "copies lie on portable media that nobody registered",
        "副本所在的移动介质未登记", "muniment medium register", "muniment medium register"),
})  # fmt: skip

_PEOPLE: Final = Table("complete", (), {
    "access_review_overdue": (
        "medium", "I-16", "duty", "accesses were not reviewed within the policy's interval",
        "逾期未审查访问记录", "muniment access review", "muniment access review"),
    "untrained": (
        "medium", "I-08", "duty", "somebody accessed content without a training that counts",
        "未经有效培训即访问内容", "muniment training record ACTOR",
        "muniment training record ACTOR"),
    "grant_of_leaver": (
        "high", "I-15", "duty", "a grant is in force for somebody who can no longer act",
        "已离职人员的访问授权仍然有效", "muniment access revoke GRANT",
        "muniment access revoke GRANT"),
    "grant_not_ended": (
        "low", "I-15", "duty", "a grant is over, and nobody ended it", "授权已到期却未撤销",
        "muniment access revoke GRANT", "muniment access revoke GRANT"),
    "key_of_leaver": (
        "medium", "I-09", "duty", "somebody without any role still has a key that signs",
        "已无任何角色的人员仍持有可签名的密钥", "muniment key revoke", "muniment key revoke"),
    "register_empty": (
        "note", "", "plain", "nothing was ever recorded in a register that is kept",
        "某登记簿从无记录", "record it where it was done: muniment codes lists what can be said",
        "如有其事应予补录：muniment codes 列出可用代码"),
})  # fmt: skip

_TIMES: Final = Table("timely", (("evidence-rules", "93"),), {
    "late_entry": ("note", "I-04", "time", "entered late, with a reason", "补录，并说明了原因",
        "corroborate when it was done: muniment show ID", "补强实际发生时间：muniment show ID"),
    "late_unexplained": (
        "medium", "I-04", "time", "entered late, and no reason is given", "补录而未说明原因",
        "corroborate when it was done: muniment show ID", "补强实际发生时间：muniment show ID"),
    "claimed_in_future": ("medium", "I-04", "time", "said to have happened after it was accepted",
        "所称发生时间晚于受理时间", "set the signer's clock right: muniment doctor",
        "校正签名人的时钟：muniment doctor"),
    "clock_jumped": ("low", "I-04", "time", "the ledger's clock jumped ahead beyond the limit",
        "账本时钟前跳超过限度",
        "find out why: muniment doctor; have a state stamped: muniment timestamp get",
        "查明原因：muniment doctor；加盖时间戳：muniment timestamp get"),
    "entries_unanchored": (
        "note", "", "plain", "acts of which no trusted time-stamp says by when they were done",
        "没有可信时间戳说明这些行为最迟何时完成", "muniment timestamp get",
        "muniment timestamp get"),
    "compromise_window": ("high", "I-05", "disputed",
        "acts signed between the suspected loss of a key and its report",
        "密钥疑似失密之后、报告之前签名的行为", "ask the signer about each: muniment show ID",
        "逐一询问签名人：muniment show ID"),
    "break_glass_unreviewed": (
        "high", "I-15", "duty", "an emergency access was not reviewed in time",
        "紧急访问未按时审查", "muniment access review", "muniment access review"),
    "rights_overdue": ("high", "I-38", "duty", "a person's request is not answered in time",
        "个人权利请求逾期未答复", "muniment rights decide REQUEST",
        "muniment rights decide REQUEST"),
    "rights_answered_late": (
        "medium", "I-38", "duty", "a person's request was answered late", "个人权利请求答复迟延",
        "say why to the person: muniment rights show REQUEST",
        "向本人说明原因：muniment rights show REQUEST"),
    "deemed_acceptance_missing": ("low", "I-40", "duty",
        "the time for inspection ran out, and deemed acceptance is not recorded",
        "检验期限已过，未记录视为验收", "muniment handover deem HANDOVER",
        "muniment handover deem HANDOVER"),
    "handover_off_plan": ("low", "I-04", "duty",
        "a list was released or received on another day than planned, and nobody said why",
        "交付或接收不在计划日期内，且未说明原因",
        "plan the days that can be kept; say why: muniment handover release --off-plan CODE",
        "计划可行的日期；说明原因：muniment handover release --off-plan CODE"),
    "approval_expired": ("low", "I-27", "duty",
        "a destruction was approved and not executed before the approval expired",
        "销毁已批准，逾期未执行，批准失效", "approve it again: muniment destroy approve CASE",
        "重新批准：muniment destroy approve CASE"),
})  # fmt: skip

_STORED: Final = Table("consistent", (("evidence-rules", "93"),), {
    "audit_root_false": ("high", "I-31", "content",
        "an audit names a state of the ledger that it never had", "审计所称的账本状态从未有过",
        "compare what the auditors kept: muniment checkpoint compare FILE",
        "与审计人所留的比对：muniment checkpoint compare FILE"),
    "sample_differs": ("high", "I-31", "content",
        "a recorded sample is not what its seed draws from the events",
        "所登记的样本与由种子从事件中抽取的不符",
        "draw it again: muniment audit sample AUDIT --verify NUMBER",
        "重新抽样：muniment audit sample AUDIT --verify NUMBER"),
    "object_missing": (
        "high", "I-35", "custody", "the vault lacks the object of a copy that is there",
        "保管库中缺少在库副本的对象", _VAULT, _VAULT_ZH),
    "object_size_differs": ("high", "I-35", "content", "an object in the vault has another size",
        "保管库对象的大小不符", _VAULT, _VAULT_ZH),
    "object_changed": (
        "critical", "I-35", "content", "an object in the vault was changed", "保管库对象被改动",
        _VAULT, _VAULT_ZH),
    "object_unreadable": (
        "high", "I-35", "custody", "an object in the vault cannot be read", "保管库对象无法读取",
        _VAULT, _VAULT_ZH),
    "object_foreign": ("medium", "I-35", "custody", "a file in the vault that no event names",
        "保管库中有任何事件都未提及的文件",
        "muniment vault check --remove-strays; first see whether a newer state names it",
        "muniment vault check --remove-strays；先查明是否为较新状态所载"),
    "object_still_there": ("critical", "I-20", "custody",
        "the object of a copy that is recorded as gone is in the vault",
        "已登记为不在的副本，其对象仍在保管库", _AGAIN, _AGAIN_ZH),
    "copy_missing": ("high", "I-35", "custody", "a copy is not where it was recorded to be",
        "副本不在所登记的位置", _WHERE, _WHERE_ZH),
    "copy_size_differs": (
        "high", "I-35", "content", "the file of a copy has another size", "副本文件的大小不符",
        _WHERE, _WHERE_ZH),
    "copy_changed": ("high", "I-35", "content", "the content of a copy is not the one recorded",
        "副本内容与登记时不符", _WHERE, _WHERE_ZH),
    "lock_missing": (
        "high", "I-35", "custody", "the store does not keep a lock that the backup says it has",
        "存储服务没有备份所称的锁定", "lock it anew, or back it up again: muniment backup create",
        "重新锁定，或重新备份：muniment backup create"),
    "copy_unreadable": (
        "medium", "I-35", "custody", "the file of a copy cannot be read", "副本文件无法读取",
        _WHERE, _WHERE_ZH),
    "copy_still_there": (
        "critical", "I-20", "custody", "the file of a copy that was destroyed is there",
        "已销毁副本的文件仍在", _AGAIN, _AGAIN_ZH),
    "backup_foreign": ("medium", "I-19", "custody",
        "a file lies in a backup's folder that the backup does not name",
        "备份文件夹中有备份未列的文件", "muniment backup verify BACKUP",
        "muniment backup verify BACKUP"),
    "key_still_there": (
        "critical", "I-29", "custody", "a data key that was shredded is in the keystore",
        "已销毁的数据密钥仍在密钥库", _AGAIN, _AGAIN_ZH),
    "key_missing": ("high", "I-29", "gap",
        "a data key that is needed is not in the keystore, and no destruction says so",
        "所需数据密钥不在密钥库，且无销毁记录", "look in the copies: muniment keystore copies",
        "在密钥副本中查找：muniment keystore copies"),
    "keystore_damaged": (
        "high", "", "unknown", "the keystore is missing or damaged", "密钥库缺失或损坏",
        "muniment doctor; muniment keystore copies", "muniment doctor；muniment keystore copies"),
    "people_rows_differ": ("high", "I-38", "content",
        "the rows by which people are found again in a record are not those an event vouches for",
        "据以重新找到资料中个人的各行与事件所印证的不符",
        "muniment subject index RECORD --again; find out who wrote to the tables",
        "muniment subject index RECORD --again；查明何人改写了各表"),
    "people_not_vouched": ("low", "I-38", "unknown",
        "records count as looked through for people, and no event says so",
        "有资料标为已查找个人，却无事件印证",
        "muniment subject index --all --again", "muniment subject index --all --again"),
    "people_not_indexed": ("low", "I-38", "gap",
        "people were looked for in records, and cannot be found again in them here",
        "曾在资料中查找个人，此处却无从重新找到",
        "muniment subject index --all", "muniment subject index --all"),
    "not_anonymous": ("critical", "I-10", "content",
        "what is recorded as anonymous does not pass its test: it may still name somebody",
        "登记为已匿名化的内容未通过检验，可能仍可识别个人",
        "keep it as personal data; make it anonymous anew: muniment anonymise",
        "仍按个人信息保管；重新匿名化：muniment anonymise"),
    "execution_unfinished": ("medium", "I-30", "custody",
        "a destruction or expiry was begun, and is not recorded to its end",
        "销毁或备份清除已开始，未记录至结束",
        "muniment destroy execute CASE; muniment backup expire BACKUP",
        "muniment destroy execute CASE；muniment backup expire BACKUP"),
    "exposed": ("medium", "", "environment", "others on this machine may read keys or contents",
        "本机其他用户可以读取密钥或内容", "muniment doctor says which folders: chmod -R go-rwx",
        "muniment doctor 列出文件夹：chmod -R go-rwx"),
    "no_signed_state": ("note", "", "environment",
        "no checkpoint stored here covers the last entries: nobody could tell if they were cut off",
        "最后的条目没有任何已存检查点覆盖：若被截断，无人能够发现",
        "muniment checkpoint sign; leave a copy with others",
        "muniment checkpoint sign；并将副本交他人保存"),
    "triggers_missing": ("high", "I-06", "environment",
        "what refuses changes of the log was taken out of the database",
        "数据库中阻止改动日志的触发器被移除", "somebody opened it for changes: muniment verify",
        "有人打开数据库作过改动：muniment verify"),
})  # fmt: skip

FOUND: Final = (_DEALS, _RECORDS, _BACKUPS, _PEOPLE, _TIMES, _STORED)
