"""What acts share: when it happened, in which role, who else signs; and how they are recorded."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ledger.cli.call import Call
from ledger.cli.command import CODE, PATH, TIME, option
from ledger.cli.language import N_, _
from ledger.cli.output import note, print_json, recorded
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.acting import Author
    from ledger.application import Ledger
    from ledger.privatekey import PrivateKey
    from ledger.recorder import Receipt
    from ledger.signing import Proposal


class How(NamedTuple):
    """The circumstances of an act, as the options of every act give them."""

    at: str | None
    late_reason: str | None
    in_role: str | None
    engagement: str | None
    cosigners: tuple[str, ...]
    draft: Path | None

    def record(
        self,
        ledger: Ledger,
        acting: Author,
        proposals: Sequence[Proposal],
        possession: Sequence[PrivateKey] = (),
        *,
        early: bool = True,
    ) -> Receipt | None:
        """Record proposals as one commit, or write them into a draft that others sign or submit.

        None: only a draft was written. Raises `RefusedError`, also for a draft that would be
        refused when everybody has signed it; then nothing was recorded. `early`: False where
        something was recorded already of which the draft is the second part.
        """
        from ledger.acting import Acting

        others = _others(ledger, self.cosigners, self.draft)
        if acting.actor in {actor for actor, _capacity in others}:
            raise UsageError("each person signs once, in one role; nothing was recorded")
        options = self._options(ledger)
        if self.draft is None:
            assert isinstance(acting, Acting)  # only drafts are made in somebody else's name
            return ledger.act(acting, proposals, possession=possession, **options)
        from ledger.drafts import make_draft, refuse_early, refuse_texts, write_draft

        if ledger.folder.replica:
            refuse_texts(proposals)

        if os.path.lexists(self.draft):
            raise UsageError(
                "the file that --draft names exists; nothing was changed", "name a new one"
            )
        events, ciphertexts = ledger.build(acting, proposals, fresh_keys=True, **options)
        draft = make_draft(ledger, acting, events, ciphertexts, others, possession=possession)
        if early:
            refuse_early(ledger, draft)
        write_draft(self.draft, draft)
        return None

    def _options(self, ledger: Ledger) -> dict[str, Any]:
        from ledger.cli.ids import resolve

        engagement = resolve(ledger, "engagement", self.engagement) if self.engagement else None
        return {
            "at": self.at,
            "late_reason": self.late_reason,
            "role": self.in_role,
            "engagement": engagement,
        }

    def tell(self, call: Call, receipt: Receipt | None, **ids: str | int) -> None:
        """Print what was recorded, or what is still to be done with the draft."""
        if receipt is not None:
            recorded(call, receipt, **ids)
        elif call.as_json:
            print_json({**ids, "draft": str(self.draft), "recorded": False})
        elif not self.cosigners:
            note(
                call,
                _("A draft was written; nothing is recorded yet. Next: give it to whoever keeps "
                  "the ledger, who runs muniment submit FILE."),
            )  # fmt: skip
        else:
            note(
                call,
                _("A draft was written; nothing is recorded yet. Next: the others run muniment "
                  "sign FILE, then muniment submit FILE."),
            )  # fmt: skip


def act_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `How`; the command gets them as `how`."""

    @option("--at", type=TIME, help=N_("When it happened, if not now."))
    @option(
        "--late-reason",
        type=CODE("LateReason"),
        help=N_("Why it is recorded late: offline, paper_first, system_outage, other."),
    )
    @option("--in-role", type=CODE("Role"), help=N_("The role in which you act, of those held."))
    @option("--engagement", metavar="ID", help=N_("The engagement; the routine one if not given."))
    @option(
        "--with",
        "cosigners",
        multiple=True,
        metavar="ACTOR:CAPACITY",
        help=N_("Who else must sign, and in which role; repeatable. Needs --draft."),
    )
    @option(
        "--draft",
        type=PATH,
        metavar="FILE",
        help=N_(
            "Write a draft for the others to sign; nothing is recorded yet. On a replica every "
            "act is a draft, alone or with others."
        ),
    )
    @wraps(function)
    def with_how(
        *args: Any,  # noqa: ANN401  what the command takes
        at: str | None,
        late_reason: str | None,
        in_role: str | None,
        engagement: str | None,
        cosigners: tuple[str, ...],
        draft: Path | None,
        **rest: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        how = How(at, late_reason, in_role, engagement, cosigners, draft)
        click.get_current_context().ensure_object(Call).drafting = draft is not None
        return function(*args, how=how, **rest)

    return with_how  # fmt: skip


def _others(ledger: Ledger, given: Sequence[str], draft: Path | None) -> list[tuple[str, str]]:
    """Pairs of actor id and capacity from `ACTOR:CAPACITY`.

    Raises `UsageError` when one is malformed, or when only one of `--with` and `--draft` is given:
    a draft of one signer is for a replica, where nothing can be recorded.
    """
    from ledger.cli.ids import resolve

    alone = draft is not None and ledger.folder.replica
    if bool(given) != (draft is not None) and not alone:
        raise UsageError("--with and --draft belong together; nothing was recorded")
    pairs = []
    for text in given:
        actor, _colon, capacity = text.partition(":")
        if capacity not in CODE("Role").codes():
            raise UsageError(
                "--with takes ACTOR:CAPACITY, and the capacity is a role", "muniment codes Role"
            )
        pairs.append((resolve(ledger, "actor", actor), capacity))
    if len({actor for actor, _capacity in pairs}) != len(pairs):
        raise UsageError("each person signs once, in one role; nothing was recorded")
    return pairs
