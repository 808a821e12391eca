"""A ledger that its keeper may falsify, read once a session: see `offline_forger`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from ledger.application import Ledger
from ledger.disclosure import sorted_fields
from ledger.evidence import decode_event
from ledger.privatekey import PrivateKey
from ledger.sealing import open_payload, opening
from tests.ledger.ledgers import found_firm
from tests.ledger.offline_forger import Rogue, export, reviewed


class Estate(NamedTuple):
    """What a keeper has in hand; `sealed`: every sealed field, as openings.json would show it."""

    rogue: Rogue
    reviewer: PrivateKey
    sealed: dict[str, list[dict[str, Any]]]

    @property
    def collected(self) -> str:
        """The event that collected the record."""
        event = self.rogue.last("record.collected")
        return f"{event['stream']}/{event['version']}"

    def opened(self, event: str, *paths: str) -> dict[str, Any]:
        """A row of openings.json."""
        fields = [field for field in self.sealed[event] if field["path"] in paths]
        return {"event": event, "fields": fields}

    def value(self, event: str, path: str) -> str:
        """The text of a sealed field."""
        return next(str(f["value"]) for f in self.sealed[event] if f["path"] == path)


@pytest.fixture(scope="session")
def estate_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """Founded, collected, reviewed, exported: once."""
    home = tmp_path_factory.mktemp("estate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        firm = found_firm(home / "ledger")
        with firm.open() as ledger:
            admin, reviewer = ledger.acting(firm.founded.actor), ledger.acting(firm.second)
            record = reviewed(ledger, admin, reviewer, home / "合同")
            rogue = Rogue(ledger, export(ledger, admin, record))
            yield Estate(rogue, reviewer.key, _sealed(ledger))


def _sealed(ledger: Ledger) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT state, ciphertext FROM events JOIN sealed USING (position) ORDER BY position"
        )
        for state, ciphertext in rows:
            event = decode_event(bytes(state))
            assert event.sealed
            key = ledger.keystore.key(event.sealed.key)
            text = bytes(ciphertext)
            payload = open_payload(ledger.origin, event.id, event.sealed, text, key)
            openings = (
                (opening(ledger.origin, event.id, payload.fields, payload.seed, path),
                 len(payload.fields))
                for path in payload.fields
            )  # fmt: skip
            found[event.id] = [
                {"path": f.path, "r": f.r, "value": f.value, "way": list(f.way)}
                for f in sorted_fields(openings)
            ]
    return found


@pytest.fixture
def estate(estate_template: Estate) -> Estate:
    """The test's own, to falsify."""
    rogue = copy.copy(estate_template.rogue)
    rogue.entries, rogue.scope = list(rogue.entries), dict(rogue.scope)
    rogue.events = [list(states) for states in rogue.events]
    return estate_template._replace(rogue=rogue)
