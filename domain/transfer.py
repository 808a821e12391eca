"""What the deal's structure asks for, as data: the pack's `[transfer.MODE]` and `[gates]` tables.

The mode of a deal decides the law's path (PIPL 20 to 23, 29, 31, 55; Network Data Regulations 12,
14): whether the people concerned are told, whether they consent, whether an agreement and an impact
assessment must be there. A mode without an entry opens no deal; a pack without the table, as packs
before 1.2.0 are, opens none. Tables:

    [transfer.MODE]   path, notice = "none" | "art_22" | "art_23", consent, sensitive, guardian,
                      agreement, pipia, rekey?, returns?, basis = [citation, …]
    [gates]?          backup = "warn" | "block"        (training: `[training] mode`)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from domain.codes import TransferPath
from domain.statutes import Citation, Statute, citation_flaws


class Transfer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a mode of transfer asks for.

    `notice`: which notice reaches the people; `consent`: their separate consent, or a recorded
    exemption (PIPL 23); `sensitive`: a separate one for sensitive data (29); `guardian`: of a
    guardian for children under 14 (31); `agreement`: a processing agreement (20, 21); `pipia`: an
    impact assessment (55); `rekey`: keys enrolled anew after the opening (I-41); `returns`: copies
    go back or are destroyed at the end, custody never passes.
    """

    path: TransferPath
    notice: Literal["none", "art_22", "art_23"]
    consent: bool
    sensitive: bool
    guardian: bool
    agreement: bool
    pipia: bool
    rekey: bool = False
    returns: bool = False
    basis: Annotated[tuple[Citation, ...], Meta(min_length=1)]

    @property
    def hands_over(self) -> bool:
        """Whether the path is one of handovers; an equity sale and a disclosure have none."""
        return self.path not in ("none", "disclosure")

    @property
    def gives_up(self) -> bool:
        """Whether whoever hands over no longer processes what passed (PIPL 22, 23; not 20, 21)."""
        return self.path in ("succession", "provision")


class Gates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which gates that the law leaves open block a release, or are only shown red.

    `backup`: that backup, off-site copy and drill are within their intervals (I-19).
    """

    backup: Literal["warn", "block"] = "warn"


def transfer_flaws(
    transfer: Mapping[str, Transfer], statutes: Mapping[str, Statute]
) -> Iterator[str]:
    """What the types cannot say: wrong citations, and paths that contradict themselves."""
    for mode, asked in transfer.items():
        place = f"transfer.{mode}"
        yield from citation_flaws(place, asked.basis, statutes)
        if (asked.path == "succession") != (asked.notice == "art_22"):
            yield f"{place}: the notice of article 22 belongs to succession, and to nothing else"
        if asked.consent and asked.notice == "none":
            yield f"{place}: nobody consents to what was not told"
        if asked.sensitive and not asked.consent:
            yield f"{place}: a separate consent for sensitive data without consent"
        if asked.path in ("entrusted", "joint") and not asked.agreement:
            yield f"{place}: {asked.path} processing without an agreement"
        if asked.path == "disclosure" and not asked.returns:
            yield f"{place}: what is only disclosed goes back"
