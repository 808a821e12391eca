"""What the verifier of a destruction sees, and the journal that tells where to look."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from ledger import acts, custody
from ledger.application import Ledger
from ledger.effects import readback
from ledger.effects.destroying import shredded_in
from ledger.effects.erasing import sealed_by_key
from ledger.effects.pending import open_journal
from ledger.errors import MunimentError, RefusedError
from tests.ledger.crews import (
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    lone_fixture,  # noqa: F401
    outcomes,
    results,
    site_fixture,  # noqa: F401
)

# -- who reads back -----------------------------------------------------------------------------


def test_the_operator_does_not_read_back(site: Site, lone: tuple[str, Path]) -> None:
    case, _ = lone
    site.ledger.act(site.wang, [acts.grant_role(site.crew.people["chen"], "reviewer")])
    site.execute(case)
    with pytest.raises(RefusedError, match="verifier_is_operator"):
        site.verify(case, by="chen")


def test_the_verifier_sees_what_the_operator_left_behind(
    site: Site, lone: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that records without doing: the file is there, and the key, and the texts."""
    case, path = lone
    monkeypatch.setattr("ledger.effects.destroying.remove", lambda *_: ("destroyed", "removed"))
    site.execute(case)
    assert path.is_file()
    ((result, cause),) = results(site.verify(case)).values()
    assert (result, cause) == ("fail", "still_there")
    with pytest.raises(RefusedError, match="I-30"):
        site.certify(case)


def test_the_verifier_sees_a_key_that_was_not_shredded(
    site: Site, lone: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, _ = lone
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ledger.effects.destroying._keys", lambda *_: ([], []))
        site.execute(case)
    ((result, cause),) = results(site.verify(case)).values()
    assert (result, cause) == ("fail", "key_not_shredded")


def test_the_verifier_sees_texts_that_were_not_deleted(
    site: Site, lone: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, _ = lone
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ledger.effects.destroying.sealed_under", lambda *_: [])
        site.execute(case)
    ((result, cause),) = results(site.verify(case)).values()
    assert (result, cause) == ("fail", "payload_not_deleted")


def test_the_texts_of_many_copies_are_looked_for_in_one_walk(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many walks through every event as copies would be hours for a large case."""
    case = site.approved([site.copy(record) for record in site.ripe(tmp_path / "多", 5)])
    with monkeypatch.context() as patch:
        patch.setattr("ledger.effects.destroying.sealed_under", lambda *_: [])
        site.execute(case)
    walks: list[int] = []
    real = sealed_by_key

    def counted(ledger: Ledger, keys: Iterable[str]) -> dict[str, list[int]]:
        walks.append(len(set(keys)))
        return real(ledger, keys)

    monkeypatch.setattr(readback, "sealed_by_key", counted)
    assert set(results(site.verify(case)).values()) == {("fail", "payload_not_deleted")}
    assert len(walks) == 1


def test_something_new_under_the_old_name_is_not_said_to_be_gone(
    site: Site, lone: tuple[str, Path]
) -> None:
    case, path = lone
    site.execute(case)
    path.write_text("另一份", encoding="utf-8")
    ((result, cause),) = results(site.verify(case)).values()
    assert (result, cause) == ("unknown", "something_else_there")


def test_the_file_put_back_is_seen(site: Site, lone: tuple[str, Path]) -> None:
    case, path = lone
    content = path.read_bytes()
    site.execute(case)
    path.write_bytes(content)
    ((result, cause),) = results(site.verify(case)).values()
    assert (result, cause) == ("fail", "still_there")


def test_what_was_found_again_is_destroyed_again(site: Site, lone: tuple[str, Path]) -> None:
    """Its keys are gone, and with them where it lay: the journal still knows."""
    case, path = lone
    content = path.read_bytes()
    site.execute(case)
    path.write_bytes(content)
    assert set(results(site.verify(case)).values()) == {("fail", "still_there")}
    assert set(outcomes(site.execute(case)).values()) == {("destroyed", "removed")}
    assert not path.exists()
    assert set(results(site.verify(case)).values()) == {("pass", "gone")}
    site.certify(case)


def test_without_the_journal_nobody_knows_where_to_look(site: Site, lone: tuple[str, Path]) -> None:
    case, _ = lone
    site.execute(case)
    (site.crew.firm.path / "pending" / case).unlink()
    ((result, cause),) = results(site.verify(case)).values()
    assert (result, cause) == ("unknown", "no_journal")


# -- the journal --------------------------------------------------------------------------------


def test_the_journal_says_nothing_to_whoever_finds_it(site: Site, lone: tuple[str, Path]) -> None:
    case, path = lone
    site.execute(case)
    data = (site.crew.firm.path / "pending" / case).read_bytes()
    assert path.name.encode() not in data
    assert path.name.encode().hex().encode() not in data
    journal = open_journal(site.ledger.folder, site.ledger.keystore, case)
    assert journal is not None
    assert not journal.under_way
    assert site.ledger.keystore.state(journal.key_id) == "present"
    site.verify(case)
    site.certify(case)
    assert site.ledger.keystore.state(journal.key_id) == "erased"


@pytest.mark.parametrize("where", range(0, 900, 37))
def test_a_journal_with_a_changed_byte_is_not_believed(
    site: Site, lone: tuple[str, Path], where: int
) -> None:
    case, _ = lone
    site.execute(case)
    file = site.crew.firm.path / "pending" / case
    data = bytearray(file.read_bytes())
    at = where % (len(data) - 1)
    data[at] ^= 1
    file.write_bytes(data)
    try:
        journal = open_journal(site.ledger.folder, site.ledger.keystore, case)
    except MunimentError:
        return
    assert journal is None


def test_a_last_line_that_is_not_whole_was_never_acknowledged(
    site: Site, lone: tuple[str, Path]
) -> None:
    case, _ = lone
    site.execute(case)
    file = site.crew.firm.path / "pending" / case
    whole = file.read_bytes()
    file.write_bytes(whole + b"AAAA")
    journal = open_journal(site.ledger.folder, site.ledger.keystore, case)
    assert journal is not None
    journal.mark_recorded()
    again = open_journal(site.ledger.folder, site.ledger.keystore, case)
    assert again is not None
    assert file.read_bytes().startswith(whole)
    assert b"AAAA\n" not in file.read_bytes()


def test_a_case_that_is_rejected_destroys_nothing(site: Site, lone: tuple[str, Path]) -> None:
    case, path = lone
    site.ledger.act(site.person("li"), [custody.reject(case, "再等等")])
    with pytest.raises(RefusedError, match="case_is_rejected"):
        site.execute(case)
    assert path.is_file()


def test_the_keys_named_are_those_that_are_gone(site: Site, lone: tuple[str, Path]) -> None:
    case, _ = lone
    done = site.execute(case)
    assert shredded_in(site.ledger, case) == list(done.keys)
