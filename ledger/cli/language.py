"""The language in which people are spoken to: chosen once a call, never for machine output.

`MUNIMENT_LANG`, then `--lang`, then the locale (`LC_ALL`, `LC_MESSAGES`, `LANG`): what begins with
`zh` is Chinese, everything else English. Messages are written in English where they are used,
marked `_("...")` (translated there) or `N_("...")` (translated where shown); the Chinese stands in
`ledger/locale/zh/LC_MESSAGES/muniment.po`. Codes have their labels in `domain.codes`.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

Language = Literal["zh", "en"]

DOMAIN: Final = "muniment"
FOLDER: Final = Path(__file__).parent.parent / "locale"
_LOCALE: Final = ("LC_ALL", "LC_MESSAGES", "LANG")


class _Spoken:
    """The language of this process."""

    language: Language = "en"
    catalogue: gettext.NullTranslations = gettext.NullTranslations()


def N_(message: str) -> str:  # noqa: N802  the name that message extractors know
    """Mark a message that is translated where it is shown."""
    return message


def NP_(one: str, many: str) -> tuple[str, str]:  # noqa: N802  as `N_`
    """Mark a message of two forms."""
    return one, many


def _(message: str) -> str:
    """The message in the language chosen."""
    return _Spoken.catalogue.gettext(message) if message else ""


def plural(one: str, many: str, count: int) -> str:
    """The message for a count: `one` or `many` in English, one form in Chinese."""
    return _Spoken.catalogue.ngettext(one, many, count)


def language() -> Language:
    """The language chosen."""
    return _Spoken.language


def choose(arguments: Sequence[str], environment: Mapping[str, str]) -> Language:
    """The language that a call asks for; with `--json` English, whatever else is asked.

    Looks at the arguments before they are parsed, so that help and usage errors are in it too.

    >>> choose(["--lang", "zh", "init"], {}), choose(["--lang=zh"], {"MUNIMENT_LANG": "en"})
    ('zh', 'en')
    >>> choose([], {"LC_ALL": "", "LANG": "zh_CN.UTF-8"}), choose([], {"LANG": "de_DE"})
    ('zh', 'en')
    """
    asked = environment.get("MUNIMENT_LANG", "")
    for at, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == "--json" and not {"--help"} & set(arguments):
            return "en"
        if argument == "--lang":
            asked = asked or "".join(arguments[at + 1 : at + 2])
        elif argument.startswith("--lang="):
            asked = asked or argument.removeprefix("--lang=")
    if not asked:
        asked = next((environment[name] for name in _LOCALE if environment.get(name)), "en")
    return "zh" if asked.lower().startswith("zh") else "en"


@contextmanager
def speaking(chosen: Language) -> Iterator[None]:
    """Speak a language while this lasts.

    `click` asks the process's own gettext, so that is told too, in the way gettext documents.
    """
    domain, before = gettext.textdomain(), os.environ.get("LANGUAGE")
    spoken, catalogue = _Spoken.language, _Spoken.catalogue
    languages = ["zh" if chosen == "zh" else "C"]
    gettext.bindtextdomain(DOMAIN, str(FOLDER))
    gettext.textdomain(DOMAIN)
    os.environ["LANGUAGE"] = languages[0]
    _Spoken.language = chosen
    _Spoken.catalogue = gettext.translation(DOMAIN, FOLDER, languages, fallback=True)
    try:
        yield
    finally:
        _Spoken.language, _Spoken.catalogue = spoken, catalogue
        gettext.textdomain(domain)
        if before is None:
            del os.environ["LANGUAGE"]
        else:
            os.environ["LANGUAGE"] = before


CLICK: Final = (
    N_("Usage:"), N_("Options"), N_("Commands"), N_("Positional arguments"), N_("required"),
    N_("default: {default}"), N_("Show this message and exit."), N_("Error: {message}"),
    N_("Try '{command} {option}' for help."), N_("Missing command."), N_("Missing argument"),
    N_("Missing option"), N_("Missing parameter"), N_("Invalid value: {message}"),
    N_("Invalid value for {param_hint}: {message}"), N_("No such option {name!r}."),
    N_("No such option: {name}"), N_("No such command {name!r}."),
    N_("Option {name!r} does not take a value."), N_("Option {name!r} requires an argument."),
    N_("Repeat for confirmation"), N_("Error: The two entered values do not match."),
    N_("{value!r} is not a valid {number_type}."), N_("{value} is not in the range {range}."),
    N_("Aborted!"), *NP_("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
    *NP_("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
)  # fmt: skip
"""What `click` says in its own words; named here so that the catalogue has it."""
