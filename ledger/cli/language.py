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


def _(message: str) -> str:
    """The message in the language chosen."""
    return _Spoken.catalogue.gettext(message) if message else ""


def in_words(cause: str) -> str:
    """What the system, or a reader of bytes, gives as a cause, in the language chosen.

    What `SYSTEM` and `PARSERS` do not name stays as it is.

    >>> in_words("No such file or directory"), in_words("something rare")
    ('No such file or directory', 'something rare')
    """
    for template in OF_A_KEY:  # what is said of a key, with its name
        begin, _name, end = template.partition("{name}")
        if cause.startswith(begin) and cause.endswith(end) and len(cause) > len(begin + end):
            return _(template).format(name=cause.removeprefix(begin).removesuffix(end))
    return _(cause) if cause in SYSTEM or cause in PARSERS else cause  # not of stable codes


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
    languages = ["zh" if chosen == "zh" else "C"]
    gettext.bindtextdomain(DOMAIN, str(FOLDER))
    gettext.textdomain(DOMAIN)
    os.environ["LANGUAGE"] = languages[0]
    _Spoken.language = chosen
    _Spoken.catalogue = gettext.translation(DOMAIN, FOLDER, languages, fallback=True)
    try:
        yield
    finally:
        gettext.textdomain(domain)
        if before is None:
            del os.environ["LANGUAGE"]
        else:
            os.environ["LANGUAGE"] = before


SYSTEM: Final = (
    N_("No such file or directory"),
    N_("Permission denied"),
    N_("Operation not permitted"),
    N_("Is a directory"),
    N_("Not a directory"),
    N_("File exists"),
    N_("No space left on device"),
    N_("Disk quota exceeded"),
    N_("File name too long"),
    N_("Read-only file system"),
    N_("Too many levels of symbolic links"),
    N_("Input/output error"),
    N_("Connection refused"),
    N_("Cannot assign requested address"),
    N_("Address already in use"),
    N_("timed out"),
    N_("not a file"),
    N_("not a file name"),
    N_("not UTF-8"),
)
"""What the system says, in English whatever the language; named here for the catalogue."""

PARSERS: Final = (
    N_("the policy holds a control character or ends without newline"),
    N_("the policy is not in canonical form"),
    N_("an item of a policy is empty or holds white space"),
    N_("a line of the policy is not a log, witness, group or quorum"),
    N_("the quorum names what was not defined before"),
    N_("a name of the policy is defined twice, or is 'none'"),
    N_("a policy has exactly one quorum line"),
    N_("a group has no members, or one that is a member already"),
    N_("a group names a member that was not defined before"),
    N_("a group's threshold is not between 1 and its number of members"),
    N_("a verifier key does not have the form name+hex+base64"),
    N_("the verifier key's id is not the hash of its name and key"),
)
"""What `ledger.tlog` says of a policy that somebody wrote; named here for the catalogue."""

OF_A_KEY: Final = (
    N_("the public key of {name} stands in the policy twice"),
    N_("the key {name} has a type that its line cannot use"),
)
"""As `PARSERS`, with the name of a key."""

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
    N_("Aborted!"),
)  # fmt: skip
"""What `click` says in its own words; named here so that the catalogue has it."""
