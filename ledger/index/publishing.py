"""Publishing an index: computed over the present state, recorded, its rows kept for proofs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from domain.anchor import LedgerIndexPublished
from ledger.index import kept
from ledger.index.computing import Index
from ledger.index.proving import Indexed, published, states
from ledger.recorder import Receipt
from ledger.signing import Proposal


class Recording(Indexed, Protocol):
    """What is asked of a ledger that is open for writing (`ledger.application.Ledger`)."""

    ledger_id: str

    def seen(self) -> tuple[int, bytes]:
        """Size and root of the present state."""

    def act(
        self,
        acting: Any,  # noqa: ANN401  ledger.acting.Acting
        proposals: Sequence[Proposal],
        **options: Any,  # noqa: ANN401
    ) -> Receipt:
        """Record events as one commit by one actor."""


class Done(NamedTuple):
    """An index as it was published: the receipt of its event, and what it says."""

    receipt: Receipt
    size: int
    root: bytes
    rows: int


def publish(
    ledger: Recording,
    acting: Any,  # noqa: ANN401  ledger.acting.Acting
    progress: Callable[[int], None] | None = None,
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> Done | None:
    """Compute the index over everything recorded, and record it; sign a checkpoint afterwards.

    None if nothing was recorded since the last one but that one itself: then it stands. `progress`
    is told how many rows were hashed. Raises `RefusedError` where the actor may not.
    """
    size, _ = ledger.seen()
    with ledger.engine.connect() as connection, Index() as index:
        last = published(connection)[-1:]
        if last and last[0].size == last[0].entry == size - 1:
            return None
        index.add(states(connection, size))
        with kept.fresh(index, size, progress) as (root, file):
            fields = {"size": size, "root": root.root.hex(), "rows": root.rows}
            proposal = Proposal(LedgerIndexPublished, ledger.ledger_id, fields)
            receipt = ledger.act(acting, [proposal], **options)
            kept.keep(ledger.folder.path, size, file)
    return Done(receipt, size, root.root, root.rows)
