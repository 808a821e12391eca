"""The index of everything that events name: computed, kept at hand, and proved row by row.

Who wants to be sure that a bundle holds *all* events about an object asks for the rows of that
object in an index of the whole ledger. An index covers the entries below `size`, and has one row
for each (object, stream) such that some event of the stream names the object:

    <object> <stream> <version> <leaf>

`object`, `stream`: ids, `<aggregate>-<UUIDv7>` with an aggregate of 3 to 24 letters `a-z` and `_`;
`version`: the last version of the stream below `size`; `leaf`: the RFC 6962 leaf hash of that
event's bytes, in hex. An event names an object if its stream is it, or any string value anywhere in
it is that id, or the id of one of its events (`<object>/<version>`): no schema is needed to tell,
and neither `by` nor `engagement` is left out. Keys of members are no values. An event whose stream
has no id of this form has no rows.

Rows are sorted by the bytes of `<object> <stream>`. The index is the RFC 6962 tree over their texts
without newlines; `ledger.index_published` puts `size`, root and number of rows into the ledger.
**No rule can judge that root**: a rule sees single events, and an index follows from all of them.
A root that is wrong is recorded like a right one. It is found by every full verification, which
computes each published index again (`ledger.verify`), and a bundle's claim to be complete holds
only if a cosigner whom the reader trusts says to have done that.

>>> named = names(
...     b'{"by":"actor-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e","of":'
...     b'["record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4f/2"],"v":1}'
... )
>>> [name.decode() for name in sorted(named)]
['actor-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e', 'record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4f']
"""

from __future__ import annotations

from ledger.index.computing import Index, names
from ledger.index.kept import IndexRow
from ledger.index.proving import Proofs, Published, prove, published

__all__ = ["Index", "IndexRow", "Proofs", "Published", "names", "prove", "published"]
