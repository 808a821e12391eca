r"""What other tools read in a bundle, made from what it tells (`ledger.told`) and nothing else.

    case.jsonld   CASE/UCO                       `case`
    prov.json     W3C PROV-JSON                  `prov`
    premis.xml    PREMIS 3                       `premis`
    events.csv    RFC 4180, for spreadsheets     `csvfile`

Every event of the bundle is in each of them; one that is withheld is there as withheld. People and
firms stand under their ids, with a name only where the bundle opens it. JSON has sorted keys and
is ASCII, with \uXXXX for other characters; the same bundle gives the same bytes.
"""

from __future__ import annotations

import json
from typing import Final

from ledger.interop.case import case_graph
from ledger.interop.csvfile import events_csv
from ledger.interop.premis import premis_document
from ledger.interop.prov import prov_document
from ledger.told import Told

FOLDER: Final = "data/50_互操作"


def interop_files(told: Told) -> dict[str, bytes]:
    """The files by path."""
    return {
        f"{FOLDER}/case.jsonld": _json(case_graph(told)),
        f"{FOLDER}/prov.json": _json(prov_document(told)),
        f"{FOLDER}/premis.xml": premis_document(told),
        f"{FOLDER}/events.csv": events_csv(told),
    }


def _json(value: object) -> bytes:
    return (json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode("ascii")
