"""The customer files of a small cleaning firm that does not exist, for `muniment demo`.

Some 60 files as such a firm really keeps them: contracts (docx, pdf), orders and payments (csv in
GB18030 and in UTF-8 with a byte order mark, xlsx), e-mail, chats, recorded calls (wav) and scanned
identity cards (jpeg), in folders with Chinese names. Everyone in them is made up and cannot exist:
identity numbers and bank cards have correct check digits but prefixes that are not issued, phone
numbers start with 120, mail goes to `.example`. The formats are real and written here with the
standard library alone; the same seed gives the same bytes, on every machine.
"""

from __future__ import annotations

from ledger.sample.folder import write_sample

__all__ = ["write_sample"]
