"""What `ledger.verify`, `ledger.inspection` and the judging of acts find, and how grave it is.

Titles say what is the matter; where and against what, the finding itself says.
"""

from __future__ import annotations

from typing import Final

from ledger.audit.catalogue.text import Table

_RESTORE: Final = (
    "keep this folder as it is; take the part from another copy: muniment ledger refetch --from "
    "OTHER, or a backup: muniment ledger restore COPY; then muniment verify"
)
_RESTORE_ZH: Final = (
    "保留此文件夹原状；从另一份副本补回：muniment ledger refetch --from OTHER，或从备份恢复："
    "muniment ledger restore COPY；然后 muniment verify"
)
_SIGNER: Final = (
    "ask whose key it is, and compare with their own copy: muniment key list, "
    "muniment ledger compare"
)
_SIGNER_ZH: Final = (
    "询问密钥持有人，并与其自己的副本比对：muniment key list、muniment ledger compare"
)
_AGREE: Final = (
    "compare with checkpoints that others hold: muniment checkpoint compare FILE; go on only with "
    "the copy that they saw"
)
_AGREE_ZH: Final = (
    "与他人持有的检查点比对：muniment checkpoint compare FILE；只以他们看到的那一份为准"
)
_TABLES: Final = "make the tables anew from the events: muniment rebuild"
_TABLES_ZH: Final = "由事件重新生成各表：muniment rebuild"
_STAMP: Final = "attach the token again: muniment timestamp add FILE"
_STAMP_ZH: Final = "重新附上时间戳：muniment timestamp add FILE"
_LOOK: Final = "look at who opened the database, and when: muniment doctor; muniment verify"
_LOOK_ZH: Final = "查明谁在何时打开过数据库：muniment doctor；muniment verify"

_OWN_COPY: Final = (
    "somebody changes the file while it is read: copy it to a medium of your own, then muniment "
    "audit replay COPY --trust VKEY"
)
_OWN_COPY_ZH: Final = (
    "有人在读取期间更改文件：复制到自有介质，然后 muniment audit replay 副本 --trust VKEY"
)

_BYTES: Final = Table("genuine", (("evidence-rules", "93"),), {
    "event_changed": (
        "critical", "I-06", "content", "a stored event was changed", "已存储的事件被改动",
        _RESTORE, _RESTORE_ZH),
    "read_differently": (
        "critical", "I-06", "environment", "what was judged is not what was verified",
        "判断时读到的内容与核验时不同", _OWN_COPY, _OWN_COPY_ZH),
    "event_missing": (
        "critical", "I-06", "gap", "an event is missing", "缺少事件", _RESTORE, _RESTORE_ZH),
    "event_unknown": (
        "critical", "I-06", "content", "an event stands there that no entry brought",
        "存在任何条目都未带来的事件", _RESTORE, _RESTORE_ZH),
    "event_malformed": (
        "critical", "I-06", "content", "a stored event is not as events are written",
        "已存储的事件格式不符", _RESTORE, _RESTORE_ZH),
    "entry_changed": (
        "critical", "I-06", "content", "an entry was changed", "条目被改动", _RESTORE,
        _RESTORE_ZH),
    "entry_missing": (
        "critical", "I-06", "gap", "an entry is missing", "缺少条目", _RESTORE, _RESTORE_ZH),
    "entry_unknown": (
        "critical", "I-06", "content", "a row that belongs to no entry of the ledger",
        "存在不属于账本任何条目的行", _RESTORE, _RESTORE_ZH),
    "entry_malformed": (
        "critical", "I-06", "content", "an entry is not as entries are written", "条目格式不符",
        _RESTORE, _RESTORE_ZH),
    "note_malformed": (
        "critical", "I-06", "content", "a commit is not as commits are written", "提交的格式不符",
        _RESTORE, _RESTORE_ZH),
    "origin_foreign": (
        "critical", "I-06", "content", "an entry of another ledger", "另一账本的条目", _RESTORE,
        _RESTORE_ZH),
    "column_changed": (
        "high", "I-06", "content", "a column says what the signed bytes do not say",
        "某列与签名内容不一致", _RESTORE, _RESTORE_ZH),
    "version_gap": (
        "critical", "I-04", "gap", "the versions of a stream have a gap", "事件流的版本有缺号",
        _RESTORE, _RESTORE_ZH),
    "head_missing": ("high", "I-06", "environment", "the head of the ledger is not one row",
        "账本的末端状态不是一行", _RESTORE, _RESTORE_ZH),
    "head_changed": (
        "high", "I-06", "environment", "the head is not where the last entry left it",
        "末端状态与最后一个条目不符", _RESTORE, _RESTORE_ZH),
    "tile_changed": ("high", "I-06", "environment", "a stored hash of the tree was changed",
        "已存储的树散列被改动", _RESTORE, _RESTORE_ZH),
    "tile_missing": (
        "high", "I-06", "gap", "stored hashes of the tree are missing", "缺少已存储的树散列",
        _RESTORE, _RESTORE_ZH),
    "tile_unknown": (
        "high", "I-06", "environment", "hashes beyond the end of the tree are stored",
        "存有超出树末端的散列", _RESTORE, _RESTORE_ZH),
    "sealed_changed": (
        "high", "I-06", "content", "a sealed text is not the one that was signed for",
        "密封内容与签名时不符", _RESTORE, _RESTORE_ZH),
    "sealed_missing": ("medium", "I-06", "unknown",
        "a sealed text is missing, and no destruction says that it is gone",
        "缺少密封内容，也没有销毁记录说明其去向", _RESTORE, _RESTORE_ZH),
    "sealed_unknown": ("high", "I-06", "content", "a sealed text that no event names",
        "任何事件都未提及的密封内容", _RESTORE, _RESTORE_ZH),
    "sealed_not_erased": (
        "high", "I-29", "custody", "a sealed text is still there although its key was shredded",
        "密钥已销毁，密封内容却仍在", "destroy it again: muniment ledger reapply",
        "重新执行销毁：muniment ledger reapply"),
    "database_damaged": (
        "critical", "I-06", "environment", "the database cannot be read", "数据库无法读取",
        _RESTORE, _RESTORE_ZH),
    "schema_changed": (
        "high", "I-06", "environment", "something in the database is not as Muniment makes it",
        "数据库中有非本软件所建的内容", _LOOK, _LOOK_ZH),
    "settings_differ": ("medium", "", "environment", "muniment.toml names another ledger",
        "muniment.toml 写的是另一账本", "put muniment.toml right, then muniment doctor",
        "更正 muniment.toml，然后 muniment doctor"),
    "policy_missing": (
        "high", "", "unknown", "an adopted policy pack is not kept", "未保存已采用的制度包",
        _RESTORE, _RESTORE_ZH),
    "policy_changed": ("critical", "I-06", "content", "a policy pack is not the one adopted",
        "制度包与采用时不符", _RESTORE, _RESTORE_ZH),
    "policy_unknown": (
        "high", "I-06", "content", "a policy pack that nobody adopted", "从未采用过的制度包",
        _RESTORE, _RESTORE_ZH),
    "index_differs": ("high", "", "content", "a published index is not what the events come to",
        "已发布的索引与事件不符", "publish it anew: muniment index publish",
        "重新发布：muniment index publish"),
    "more_findings": ("note", "", "plain", "there are more findings of a code than are listed",
        "同一代码的发现多于所列", "muniment verify --json", "muniment verify --json"),
})  # fmt: skip

_SIGNED: Final = Table("genuine", (("esl", "13"),), {
    "signature_invalid": (
        "critical", "I-01", "author", "a signature does not hold", "签名不成立", _SIGNER,
        _SIGNER_ZH),
    "author_did_not_sign": (
        "critical", "I-01", "author", "the author of an event did not sign it",
        "事件的作者没有签名", _SIGNER, _SIGNER_ZH),
    "key_unknown": (
        "high", "I-01", "unknown", "signed with a key that nobody enrolled", "以未登记的密钥签名",
        _SIGNER, _SIGNER_ZH),
    "key_not_yet_enrolled": (
        "critical", "I-01", "author", "a key acts in the entry that enrols it",
        "密钥在登记它的条目中就已使用", _SIGNER, _SIGNER_ZH),
    "key_not_for_acts": ("critical", "I-01", "author", "signed with a key for another purpose",
        "以其他用途的密钥签名", _SIGNER, _SIGNER_ZH),
    "key_rotated_before": (
        "critical", "I-01", "author", "signed with a key that had been replaced",
        "以已更换的密钥签名", _SIGNER, _SIGNER_ZH),
    "key_revoked_before": (
        "critical", "I-01", "author", "signed with a key that had been revoked",
        "以已撤销的密钥签名", _SIGNER, _SIGNER_ZH),
    "key_compromised_before": (
        "critical", "I-05", "author", "signed with a key after it was reported as compromised",
        "密钥报失密之后仍以其签名", _SIGNER, _SIGNER_ZH),
    "key_signs_twice": (
        "critical", "I-07", "author", "one key stands for two signers", "同一密钥代表两名签名人",
        _SIGNER, _SIGNER_ZH),
    "enrolment_invalid": ("critical", "I-01", "author", "a key was enrolled without proof of it",
        "登记密钥时没有持有证明", _SIGNER, _SIGNER_ZH),
    "rotation_not_signed": (
        "critical", "I-01", "author", "a new key of the ledger is not signed for by the old one",
        "账本新密钥没有旧密钥的签名", _AGREE, _AGREE_ZH),
    "ledger_key_untrusted": (
        "critical", "I-01", "author", "the key that you trust never was this ledger's",
        "您信任的验证公钥从来不是这个账本的",
        "compare the key with the one that the firm gave you: muniment status",
        "与该公司交给您的验证公钥核对：muniment status"),
    "key_compromised": (
        "high", "I-05", "disputed", "signed with a key that was later reported as compromised",
        "以后来报失密的密钥签名",
        "ask the signer about each act: muniment show ID; corroborate what counts",
        "逐一询问签名人：muniment show ID；重要的须补强"),
    "key_revoked": (
        "note", "", "plain", "a key that signed was revoked later", "签过名的密钥后来被撤销",
        "nothing; muniment key list shows when", "无须处理；muniment key list 可查何时"),
})  # fmt: skip

_STATES: Final = Table("genuine", (("evidence-rules", "93"),), {
    "seen_false": (
        "critical", "I-06", "content", "signers saw a state that this ledger never had",
        "签名人所见状态这个账本从未有过", _AGREE, _AGREE_ZH),
    "seen_out_of_range": ("high", "I-04", "content", "signers say they saw more than there was",
        "签名人所称的规模超出当时账本", _AGREE, _AGREE_ZH),
    "checkpoint_changed": (
        "critical", "I-06", "content", "a stored checkpoint was changed", "已存储的检查点被改动",
        _AGREE, _AGREE_ZH),
    "checkpoint_forked": (
        "critical", "I-06", "content", "a signed checkpoint is of another history than this one",
        "已签名的检查点属于另一段历史", _AGREE, _AGREE_ZH),
    "forked": ("critical", "I-06", "content", "this is not the ledger that was seen here before",
        "这不是此前在此处见到的账本", _AGREE, _AGREE_ZH),
    "rolled_back": ("critical", "I-06", "gap", "the ledger had more entries than it has now",
        "账本曾有的条目多于现在", _RESTORE, _RESTORE_ZH),
    "pin_unreadable": ("medium", "", "unknown", "what was last seen of the ledger cannot be read",
        "上次所见状态的记录无法读取", "muniment doctor", "muniment doctor"),
    "cosigner_unknown": (
        "low", "", "unknown", "a checkpoint bears a signature nobody here can check",
        "检查点上有此处无法核验的签名", "name the witness: muniment checkpoint policy",
        "登记见证方：muniment checkpoint policy"),
    "clock_regression": (
        "high", "I-04", "time", "the ledger's accepted time went back", "账本的受理时间倒退",
        "set the clock right, and say why it was wrong: muniment doctor",
        "校正时钟并说明原因：muniment doctor"),
    "accepted_outside_interval": (
        "high", "I-04", "time", "trusted time-stamps prove another time than the accepted one",
        "可信时间戳证明的时间与受理时间不符", "find out which clock was wrong: muniment doctor",
        "查明哪一个时钟有误：muniment doctor"),
    "stamped_false": ("critical", "I-06", "content",
        "an event says that a state was stamped which this ledger never had",
        "事件所称加盖时间戳的状态这个账本从未有过", _AGREE, _AGREE_ZH),
    "token_changed": (
        "high", "I-06", "content", "a stored time-stamp was changed", "已存储的时间戳被改动",
        _STAMP, _STAMP_ZH),
    "token_differs": ("high", "I-06", "content", "a time-stamp is not what its event says",
        "时间戳与其事件所述不符", _STAMP, _STAMP_ZH),
    "token_malformed": (
        "high", "I-06", "content", "a time-stamp is not as they are written", "时间戳格式不符",
        _STAMP, _STAMP_ZH),
    "token_signature": (
        "high", "I-06", "content", "the signature of a time-stamp fails", "时间戳的签名不成立",
        _STAMP, _STAMP_ZH),
    "token_missing": (
        "medium", "", "unknown", "a recorded time-stamp is not kept", "未保存已记录的时间戳",
        _STAMP, _STAMP_ZH),
    "token_not_recorded": ("high", "I-06", "content", "a stored time-stamp that no event records",
        "任何事件都未记录的时间戳", _STAMP, _STAMP_ZH),
    "token_issuer_unknown": (
        "low", "", "unknown", "a time-stamp of an authority you do not trust",
        "时间戳不是您信任的机构签发的",
        "name the authority's root: muniment verify --tsa-root FILE",
        "指定该机构的根证书：muniment verify --tsa-root FILE"),
})  # fmt: skip

_TABLES_DIFFER: Final = Table("consistent", (), {
    "projection_differs": (
        "high", "I-06", "environment", "a table is not what the events make it",
        "某表与由事件生成的不符", _TABLES, _TABLES_ZH),
})  # fmt: skip

_PERMITTED: Final = Table("permitted", (), {
    "not_permitted": (
        "high", "I-00", "forbidden", "a rule did not permit this act", "某项规则不允许这一行为",
        ("look at the rule and what blocked it: muniment show ID; correct it by a new act, or "
        "report it"), "查看该规则及所涉对象：muniment show ID；以新的行为更正，或者上报"),
})  # fmt: skip

GENUINE: Final = (_BYTES, _SIGNED, _STATES, _TABLES_DIFFER, _PERMITTED)
