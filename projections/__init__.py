"""What is true now: pure readings of events into tables; disposable, rebuildable.

`VIEWS` are applied in order to every batch of events, in the transaction that records it; a
rebuild empties the tables of `METADATA` and applies them to all events again.

>>> [view.name for view in VIEWS]
['inventory', 'custody', 'people']
>>> {table.name for view in VIEWS for table in view.tables} == set(METADATA.tables)
True
"""

from __future__ import annotations

from typing import Final

from projections.custody import Custody
from projections.inventory import Inventory
from projections.people import People
from projections.tables import METADATA
from projections.view import Recorded, View

__all__ = ["METADATA", "VIEWS", "Recorded", "View"]

VIEWS: Final[tuple[View, ...]] = (Inventory(), Custody(), People())
