"""What verification reports: findings, each with its place and cause, and one verdict over them.

A finding holds digests, ids, codes, numbers and times, never content or personal data. `code` is
stable; what it means for the ledger as a whole stands in `VERDICTS` (any other code: `invalid`):

    valid                      every byte is what was signed
    valid-but-since-revoked    as valid; a key that signed was revoked later
    unverifiable               something needed is missing: a key, a sealed payload, a policy
    disputed                   signed with a key that was later reported as compromised
    invalid                    something is not what was signed, or is not there any more

The verdict is the lowest in this list that any finding calls for. Of one code at most `LIMIT`
findings are kept; a last one then says how many more there are.

>>> findings = Findings()
>>> findings.add("sealed_missing", "sealed", position=7, cause="no ciphertext is stored")
>>> findings.add("event_changed", "event", position=3, expected="aa", actual="bb")
>>> findings.verdict, [finding.position for finding in findings.sorted()]
('invalid', [3, 7])
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, Literal

from msgspec import Struct, structs

from domain.privacy import looks_personal

Verdict = Literal["valid", "valid-but-since-revoked", "unverifiable", "disputed", "invalid"]
Part = Literal[
    "event", "note", "entry", "tile", "checkpoint", "sealed", "head", "column", "file", "policy",
    "key", "token",
]  # fmt: skip

LIMIT: Final = 1000

ORDER: Final[tuple[Verdict, ...]] = (
    "valid", "valid-but-since-revoked", "unverifiable", "disputed", "invalid",
)  # fmt: skip

VERDICTS: Final[Mapping[str, Verdict]] = {
    "key_revoked": "valid-but-since-revoked",
    "key_unknown": "unverifiable",
    "cosigner_unknown": "unverifiable",
    "sealed_missing": "unverifiable",
    "policy_missing": "unverifiable",
    "token_missing": "unverifiable",
    "token_issuer_unknown": "unverifiable",
    "key_compromised": "disputed",
    "accepted_outside_interval": "disputed",
}

_PLACE: Final = 2**63
_HEX: Final = "[0-9a-f]"
_PLAIN: Final = re.compile(
    rf"(?:{_HEX}{{2}})*|-?[0-9]{{1,8}}|[0-9]{{1,2}}/[0-9]+|tile/[0-9]{{1,2}}/[x0-9/]+"
    r"|[a-z_]{3,32}"
    rf"|(?:[a-z_]{{3,24}}-)?{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}(?:/[0-9]+)?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z"
)
_NAME: Final = re.compile(r"[a-z0-9.-]+(?:/[a-z0-9._-]+)*")


class Finding(Struct, frozen=True):
    """One thing wrong.

    `position`: of the event, or of the first event of the entry that it is about, 1-based; None
    where it is about no entry. `stream`: the event's or the key holder's. `expected`, `actual`:
    digests in hex, ids, numbers, times, codes; None where there is nothing to compare.
    """

    code: str
    position: int | None
    stream: str | None
    part: Part
    expected: str | None
    actual: str | None
    cause: str


class Report(Struct, frozen=True):
    """The answer to "is it genuine".

    `events`, `commits`: how many were read; `checkpoint`: the text of the newest checkpoint
    that was given or is stored, None if there is none; `indexes`: how many published indexes were
    computed again; `indexes_left`: how many of those read were not, because verification began
    after events that they cover; `size`, `root`: the tree over the entries read, hex; empty where
    it could not be read to its end.
    """

    verdict: Verdict
    events: int
    commits: int
    checkpoint: str | None
    findings: tuple[Finding, ...]
    indexes: int = 0
    indexes_left: int = 0
    size: int = 0
    root: str = ""

    def without(self, code: str) -> Report:
        """The report as it were if nothing of a code had been found: it is known and no fault."""
        left = tuple(
            finding
            for finding in self.findings
            if finding.code != code
            and (finding.code, finding.cause) != ("more_findings", f"of {code}")
        )
        if len(left) == len(self.findings):
            return self
        codes = (finding.code for finding in left if finding.code != "more_findings")
        ranks = (ORDER.index(VERDICTS.get(one, "invalid")) for one in codes)
        verdict = ORDER[max(ranks, default=0)]
        return structs.replace(self, verdict=verdict, findings=left)


class Findings:
    """Collects findings: each once, of one code at most `LIMIT`."""

    def __init__(self) -> None:
        self._found: dict[Finding, None] = {}
        self._counts: Counter[str] = Counter()

    def add(
        self,
        code: str,
        part: Part,
        *,
        position: int | None = None,
        stream: str | None = None,
        expected: object = None,
        actual: object = None,
        cause: str = "",
    ) -> None:
        """One more finding; bytes are shown in hex."""
        finding = Finding(
            code, position, _shown(stream), part, _shown(expected), _shown(actual), cause
        )
        if finding not in self._found:
            self._counts[code] += 1
            if self._counts[code] <= LIMIT:
                self._found[finding] = None

    def omit(self, code: str, count: int) -> None:
        """So many more of a code, which nobody listed."""
        if count:
            self._counts[code] += count

    @property
    def verdict(self) -> Verdict:
        """What the findings come to."""
        ranks = (ORDER.index(VERDICTS.get(code, "invalid")) for code in self._counts)
        return ORDER[max(ranks, default=0)]

    def sorted(self) -> tuple[Finding, ...]:
        """All findings kept, by position; those without one, and omissions, at the end."""
        more = [
            Finding("more_findings", None, None, "file", None, str(count - LIMIT), f"of {code}")
            for code, count in self._counts.items()
            if count > LIMIT
        ]
        kept = sorted(self._found, key=lambda f: _PLACE if f.position is None else f.position)
        return (*kept, *more)


def _shown(value: object) -> str | None:
    """A value as a finding may show it: what is no id, code, digest, number or time is hashed."""
    if value is None:
        return None
    text = value.hex() if isinstance(value, bytes) else str(value)
    if _PLAIN.fullmatch(text) or isinstance(value, int):
        return text
    if _NAME.fullmatch(text) and looks_personal(text) is None:
        return text
    return f"sha256:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
