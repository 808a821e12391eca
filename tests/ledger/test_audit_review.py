"""The access-review report on paper and on a screen: printed from its JSON, by anybody, again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from defusedxml import ElementTree
from msgspec.structs import replace

from ledger.accessreview import Report as AccessReview
from ledger.accessreview import access_report
from ledger.audit.report.names import texts_of
from ledger.audit.report.printed import MAX_BYTES, Report, load
from ledger.audit.report.reviewpage import MOST_FINDINGS
from ledger.cli.sentences import sentences
from ledger.errors import DataError
from tests.ledger.desk import Desk
from tests.ledger.ledgers import Firm, add_person
from tests.ledger.test_access_report import Shop

HOSTILE = "<script>alert('甲')</script>\x00\u202e</td>"


@pytest.fixture(scope="module")
def shop(firm_template: Firm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop in which somebody looked at night, tried without a grant, and broke the glass."""
    home = tmp_path_factory.mktemp("shop")
    (home / "in").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        shutil.copytree(firm_template.path, home / "ledger")
        with firm_template._replace(path=home / "ledger").open() as ledger:
            admin = ledger.acting(firm_template.founded.actor)
            clerk = add_person(ledger, admin, admin.state.party, ("counsel",))
            shop = Shop(ledger, admin, clerk, ledger.acting(firm_template.second), home / "in")
            grant = shop.grant(clerk, modes=["view", "export"])
            shop.at("22:00")
            shop.look(shop.contracts[0], grant)
            shop.refused(shop.contracts[1], "no_grant")
            shop.break_glass(shop.contracts[2])
            yield shop


@pytest.fixture(scope="module")
def found(shop: Shop) -> AccessReview:
    return shop.report()


def test_the_json_is_what_a_review_records(shop: Shop, found: AccessReview) -> None:
    report = Report(found.data)
    assert report.digest == found.digest
    assert load(report.json) == found


def test_no_name_stands_in_the_json_and_names_stand_where_the_keystore_opens_them(
    shop: Shop, found: AccessReview
) -> None:
    texts = texts_of(shop.ledger, found)
    name = texts[shop.clerk.actor]
    assert name
    blind, seeing = Report(found.data).html.decode(), Report(found.data, texts).html.decode()
    assert name not in found.data.decode()
    assert name not in blind
    assert name in seeing
    assert shop.clerk.actor in blind


def test_the_same_json_gives_the_same_pages(found: AccessReview) -> None:
    once, again = Report(found.data), Report(bytes(found.data))
    assert once.html == again.html
    assert once.pdf() == again.pdf()
    assert once.digest in once.html.decode()


def test_a_page_has_no_script_and_forbids_everything_but_its_style(found: AccessReview) -> None:
    page = Report(found.data, {found.findings[0]["subject"]: HOSTILE}).html.decode()
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert " style=" not in page
    assert page.count("<figure>") >= 4
    for svg in page.split("<figure>")[1:]:
        ElementTree.fromstring(svg.partition("</figure>")[0])


def test_nothing_recorded_says_so(shop: Shop) -> None:
    span = ("2020-01-01T00:00:00.000Z", "2020-02-01T00:00:00.000Z")
    page = Report(access_report(shop.ledger, span).data).html.decode()
    assert "无 none" in page
    assert "What is opened outside Muniment is not seen." in page


def test_of_ten_thousand_findings_the_gravest_are_shown_and_the_rest_counted(
    found: AccessReview,
) -> None:
    one = found.findings[0]
    many = [{**one, "number": number} for number in range(1, 10_001)]
    page = Report(replace(found, findings=many).data).html.decode()
    assert f"({10_000 - MOST_FINDINGS:,} more in the JSON)" in page
    assert f'<code class="k">{MOST_FINDINGS}</code>' in page
    assert f'<code class="k">{MOST_FINDINGS + 1}</code>' not in page
    assert len(page) < 4_000_000


# -- what somebody else calls a report ------------------------------------------------------------


@pytest.mark.parametrize("change", [
    lambda data: data + b"\n",
    lambda data: data.replace(b'":', b'": ', 1),
    lambda data: data[:-1],
    lambda data: data.replace(b'"origin"', b'"Origin"'),
    lambda data: b"[" * 5_000 + data,
    lambda _: b"{}",
    lambda _: b"\xff\xfe",
    lambda data: data[:-1] + b',"more":1}',
])  # fmt: skip
def test_what_is_not_as_it_is_written_is_no_report(found: AccessReview, change: object) -> None:
    with pytest.raises(DataError):
        load(change(found.data))  # type: ignore[operator]


def test_a_file_that_is_too_large_is_not_even_decoded() -> None:
    with pytest.raises(DataError, match="too large"):
        load(b" " * (MAX_BYTES + 1))


@pytest.mark.parametrize("wrong", [
    {"matrix": [{"role": "dpo"}]}, {"findings": [{}]},
    {"counts": {"actor": {"x": {"allowed": ""}}}},
    {"findings": [{"number": 1}]}, {"emergencies": [1]}, {"period_to": "yesterday"},
    {"matrix": [{"role": "dpo", "category": "c", "mode": "m", "grants": 10**30}] * 2},
])  # fmt: skip
def test_rows_that_no_report_has_are_refused_and_nothing_is_printed(
    found: AccessReview, wrong: dict[str, object]
) -> None:
    report = Report(replace(found, **wrong).data)
    try:
        page = report.html
    except DataError:
        return
    assert b"<script" not in page


def test_hostile_codes_and_ids_are_shown_as_what_they_are(found: AccessReview) -> None:
    one = {**found.findings[0], "kind": HOSTILE, "subject": HOSTILE, "owner": HOSTILE}
    cell = {"role": HOSTILE, "category": HOSTILE, "mode": HOSTILE, "grants": 1}
    page = Report(replace(found, findings=[one], matrix=[cell], origin=HOSTILE).data).html.decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\x00" not in page
    assert "\u202e" not in page
    assert "\\u202e" in page


# -- commands -------------------------------------------------------------------------------------


def test_review_writes_three_files_and_render_prints_the_same_pages_again(
    desk: Desk, tmp_path: Path
) -> None:
    out, again, seeing = tmp_path / "报告", tmp_path / "再印", tmp_path / "见名"
    digest = desk.json("audit", "review", "--out", str(out))["report"]
    names = {f"access-review.{kind}" for kind in ("json", "html", "pdf")}
    assert {one.name for one in out.iterdir()} == names
    data = (out / "access-review.json").read_bytes()
    assert Report(data).digest == digest
    asked = ("audit", "render", str(out / "access-review.json"), "--out")
    assert desk.json(*asked, str(again), MUNIMENT_LEDGER=None)["report"] == digest
    alone = Report(data, sentences=sentences())
    assert (again / "access-review.html").read_bytes() == alone.html
    assert (again / "access-review.pdf").read_bytes() == alone.pdf()
    assert "Not compared with the ledger" in alone.html.decode()
    assert "Not compared" not in (out / "access-review.html").read_text("utf-8")
    desk.did(*asked, str(seeing))
    for kind in ("html", "pdf"):
        name = f"access-review.{kind}"
        assert (seeing / name).read_bytes() == (out / name).read_bytes()


def test_render_overwrites_nothing_and_takes_nothing_for_a_report_that_is_none(
    desk: Desk, tmp_path: Path
) -> None:
    desk.did("audit", "review", "--out", str(tmp_path / "a"))
    report = tmp_path / "a" / "access-review.json"
    before = {one.name: one.read_bytes() for one in (tmp_path / "a").iterdir()}
    asked = ("audit", "render", str(report), "--out", str(tmp_path / "a"))
    desk.did(*asked)  # the very same files
    assert {one.name: one.read_bytes() for one in (tmp_path / "a").iterdir()} == before
    said = desk.error(*asked, code=2, MUNIMENT_LEDGER=None)["message"]
    assert "already, with other content" in said, "pages that were not compared are other pages"
    assert {one.name: one.read_bytes() for one in (tmp_path / "a").iterdir()} == before
    report.write_bytes(report.read_bytes() + b"\n\n")
    desk.error("audit", "render", str(report), "--out", str(tmp_path / "b"), code=1)
    desk.error("audit", "render", str(tmp_path / "none"), "--out", str(tmp_path / "b"), code=2)
    assert not (tmp_path / "b").exists()


def test_what_access_report_printed_is_printed_on_pages(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(desk.did("access", "report", "--json"), encoding="utf-8")
    done = desk.json("audit", "render", str(tmp_path / "r.json"), "--out", str(tmp_path / "a"))
    told = (tmp_path / "r.json").read_bytes().removesuffix(b"\n")
    assert done["report"] == Report(told).digest


def test_a_report_with_people_who_are_none_is_printed_or_refused_and_never_a_fault(
    desk: Desk, tmp_path: Path
) -> None:
    desk.did("audit", "review", "--out", str(tmp_path / "a"))
    said = load((tmp_path / "a" / "access-review.json").read_bytes())
    assert isinstance(said, AccessReview)
    for number, (code, rows) in enumerate((
        (0, [{"actor": "actor-x", "until": {}, "missing": [], "party": None}]),
        (1, [{"name": "nobody"}]), (1, [7]),
    )):  # fmt: skip
        (tmp_path / "r.json").write_bytes(replace(said, training=rows).data)
        asked = ("audit", "render", str(tmp_path / "r.json"), "--out", str(tmp_path / str(number)))
        assert desk.run(*asked, MUNIMENT_LEDGER=None).exit_code == code
        assert (tmp_path / str(number)).exists() == (code == 0)
