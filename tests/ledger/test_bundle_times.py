"""Which tokens a bundle ships, and between which times its acts provably lie."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.bundle import Bundle, proving
from ledger.timestamps import Request, anchor, check, newest
from tests.ledger import tsa
from tests.ledger.bundles import LEDGER, evidence
from tests.ledger.ledgers import collect_files, signed_by
from tests.ledger.proved import check_consistency, checked, claim, gaps, head_of
from tests.ledger.tampering import hand_in


@pytest.fixture
def record(ledger: Ledger, admin: Acting, tmp_path: Path) -> str:
    return collect_files(ledger, admin, tmp_path / "丁家巷")[0].record


class Stamping:
    """Anchors of a ledger by an authority of the test's own."""

    def __init__(
        self, ledger: Ledger, admin: Acting, folder: Path, policy: str = tsa.POLICY
    ) -> None:
        self._ledger, self._admin = ledger, admin
        self._authority, root = tsa.authority(folder)
        self.roots = (root.der,)
        config = folder / "openssl.cnf"
        config.write_text(config.read_text().replace(tsa.POLICY, policy))

    def token(self) -> tuple[Request, bytes]:
        """A question about the present state, and the reply to it."""
        request = Request.over(newest(self._ledger))
        return request, self._authority.reply(request.query())

    def anchor(self, token: tuple[Request, bytes] | None = None) -> str:
        """A token, over the present state if none is given, recorded; its digest."""
        request, reply = token or self.token()
        anchor(self._ledger, self._admin, request, reply, check(request, reply, self.roots))
        return sha256(reply).hexdigest()


def tokens_in(bundle: Bundle) -> list[str]:
    """The digests of the tokens in a bundle, by their numbers."""
    found: list[str] = []
    while (data := bundle.files.get(f"{LEDGER}/tokens/{len(found)}.tsr")) is not None:
        assert f"{LEDGER}/tokens/{len(found)}.note" in bundle.files
        found.append(sha256(data).hexdigest())
    names = [name for name in bundle.files if name.startswith(f"{LEDGER}/tokens/")]
    assert len(names) == 2 * len(found)
    return found


@pytest.fixture
def stamping(ledger: Ledger, admin: Acting, tmp_path: Path) -> Stamping:
    return Stamping(ledger, admin, tmp_path / "tsa")


def test_an_act_lies_between_the_token_that_was_seen_and_the_one_that_covers_it(
    ledger: Ledger, admin: Acting, tmp_path: Path, stamping: Stamping
) -> None:
    digests = [stamping.anchor() for _ in range(3)]
    record = collect_files(ledger, admin, tmp_path / "丁家巷")[0].record
    digests += [stamping.anchor() for _ in range(3)]
    bundle = evidence(ledger, admin, "record", record)
    shipped = tokens_in(bundle)
    assert digests[3] in shipped
    assert not {digests[4], digests[5]} & set(shipped)
    assert len(shipped) == 2
    assert shipped[0] in digests[:3]
    check_consistency(bundle)
    report = checked(ledger, bundle, roots=stamping.roots)
    assert (report.verdict, claim(report, "time")[0]) == ("valid", "holds")
    (says,) = [row.says for row in report.events if row.event == f"{record}/1"]
    assert says["not_before"] <= says["accepted"][:19] + "Z" <= says["not_after"][:19] + "Z"
    assert "no_timestamp" not in gaps(bundle)


def test_a_token_recorded_while_somebody_signed_is_no_lower_bound_of_that(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str, stamping: Stamping
) -> None:
    seen = stamping.anchor()
    reviewed = acts.review(record, ["accuracy"], "pass")
    events, signed = signed_by(ledger, second_person, [reviewed])
    unseen = stamping.anchor()
    ledger.record(events, signed)
    last = stamping.anchor()
    bundle = evidence(ledger, admin, "record", record)
    assert set(tokens_in(bundle)) == {seen, last}
    assert unseen not in tokens_in(bundle)
    report = checked(ledger, bundle, roots=stamping.roots)
    (says,) = [row.says for row in report.events if row.event == f"{record}/2"]
    assert says["not_before"]


def test_a_token_over_the_state_before_an_act_is_no_upper_bound_of_it(
    ledger: Ledger, admin: Acting, tmp_path: Path, stamping: Stamping
) -> None:
    before = stamping.token()
    record = collect_files(ledger, admin, tmp_path / "丁家巷")[0].record
    stamping.anchor(before)
    after = stamping.anchor()
    bundle = evidence(ledger, admin, "record", record)
    assert tokens_in(bundle) == [after]
    assert claim(checked(ledger, bundle, roots=stamping.roots), "time")[0] == "holds"


def test_without_the_authoritys_root_the_tokens_say_nothing(
    ledger: Ledger, admin: Acting, record: str, stamping: Stamping
) -> None:
    stamping.anchor()
    bundle = evidence(ledger, admin, "record", record)
    assert claim(checked(ledger, bundle), "time") == ("undecided", ("no_tsa_trusted",))
    other = tsa.issue(replace(tsa.ROOT, which=9)).der
    report = checked(ledger, bundle, roots=(other,))
    assert claim(report, "time") == ("undecided", ("token_issuer_unknown",))


def test_what_is_younger_than_every_token_has_no_upper_bound(
    ledger: Ledger, admin: Acting, record: str, stamping: Stamping
) -> None:
    stamping.anchor()
    ledger.act(admin, [acts.classify(ledger, record, AXES)])
    report = checked(ledger, evidence(ledger, admin, "record", record), roots=stamping.roots)
    assert claim(report, "time") == ("undecided", ("interval_open",))


AXES = {
    "categories": ["contract"], "level": "general_3", "sensitivity": "general_pi",
    "profile": "cn_strict",
}  # fmt: skip


def test_a_token_that_no_event_records_stays_at_home(
    ledger: Ledger, admin: Acting, record: str, stamping: Stamping
) -> None:
    request, reply = stamping.token()
    with hand_in(ledger.folder.database) as connection:
        connection.execute(
            "INSERT INTO anchors (size, note, reply) VALUES (?, ?, ?)",
            (head_of(request.note).size, request.note, reply),
        )
    bundle = evidence(ledger, admin, "record", record)
    assert tokens_in(bundle) == []
    assert "no_timestamp" in gaps(bundle)


def test_a_token_that_was_lost_is_missing_and_nothing_else_is(
    ledger: Ledger, admin: Acting, record: str, stamping: Stamping
) -> None:
    stamping.anchor()
    with hand_in(ledger.folder.database) as connection:
        assert connection.execute("DELETE FROM anchors").rowcount == 1
    bundle = evidence(ledger, admin, "record", record)
    assert tokens_in(bundle) == []
    assert checked(ledger, bundle).verdict == "valid"


def test_of_two_authorities_each_has_its_say(
    ledger: Ledger, admin: Acting, record: str, stamping: Stamping, tmp_path: Path
) -> None:
    other = Stamping(ledger, admin, tmp_path / "other", policy="1.3.6.1.4.1.99999.7.2")
    first, second = stamping.anchor(), other.anchor()
    stamping.anchor()
    other.anchor()
    bundle = evidence(ledger, admin, "record", record)
    assert tokens_in(bundle) == [first, second]


def test_more_tokens_than_a_bundle_holds_make_the_bounds_wider_and_none_false(
    ledger: Ledger, admin: Acting, tmp_path: Path, stamping: Stamping,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    record = collect_files(ledger, admin, tmp_path / "丁家巷")[0].record
    for level in ("general_1", "general_2", "general_3", "general_4"):
        stamping.anchor()
        ledger.act(admin, [acts.classify(ledger, record, {**AXES, "level": level})])
    stamping.anchor()
    whole = evidence(ledger, admin, "record", record)
    monkeypatch.setattr(proving, "_MOST_TOKENS", 2)
    cut = evidence(ledger, admin, "record", record)
    assert len(tokens_in(cut)) == 2 < len(tokens_in(whole))
    assert set(tokens_in(cut)) < set(tokens_in(whole))
    for bundle in (whole, cut):
        assert checked(ledger, bundle, roots=stamping.roots).verdict == "valid"
