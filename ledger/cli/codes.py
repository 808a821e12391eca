"""`muniment codes`: the codes that options take, with their labels in both languages."""

from __future__ import annotations

from typing import Any, Final

from ledger.cli.call import Call
from ledger.cli.command import ParamType, argument, command, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import Column, format_option, print_rows

KEYS: Final = ("enumeration", "code", "zh", "en")
_COLUMNS: Final = (
    Column("enumeration", N_("list")),
    Column("code", N_("code")),
    Column("zh", N_("Chinese")),
    Column("en", N_("English")),
)


class _Enumeration(ParamType):
    name = "list"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:  # noqa: ANN401
        """The name of an enumeration, in any case of letters."""
        from domain.codes import ENUMERATIONS

        names = {name.lower(): name for name in ENUMERATIONS}
        if value.lower() not in names:
            known = ", ".join(ENUMERATIONS)
            self.fail(_("not one of the lists {known}").format(known=known), param, ctx)
        return names[value.lower()]


@command("codes", N_("List the codes that options take: of one list, or all of them."))
@argument("enumeration", metavar="[LIST]", required=False, type=_Enumeration())
@format_option
@pass_call
def codes(call: Call, *, enumeration: str | None, style: str | None) -> None:
    """Every code of every enumeration, or of one."""
    from domain.codes import ENUMERATIONS

    rows = [
        {"enumeration": name, "code": value.code, "zh": value.zh, "en": value.en}
        for name, known in ENUMERATIONS.items()
        if enumeration in (None, name)
        for value in known.values
    ]
    print_rows(call, rows, _COLUMNS, style, KEYS)
