from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from bench.report.page.data import script_json
from bench.report.page.history import MOST_COMMITS
from bench.report.page.history import history as history_of
from bench.report.page.markup import Html, element, join
from bench.report.page.picture import picture
from bench.report.page.sparkline import MEANING
from bench.report.style import panels, styled, svg
from bench.report.write import write_report
from tests.report.hostile import HOSTILE, hostile_registry, hostile_suite
from tests.report.synthetic import METRICS, Memory, architectures, batch_sizes, landscape
from tests.report.synthetic import history as curves
from tests.report.test_write import SUITE

VOID = {"meta", "link", "input", "br"}
REPORT = "demo/quick/report.html"


class Document(HTMLParser):
    """Elements of a page, their texts, and whether each is closed by its own end."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.elements, self.texts = [], [], [], []
        self.feed(page)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        self.wrong += [f"{tag} has {name} twice" for name in names if names.count(name) > 1]
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"/{tag}")

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def inside(self, tag):
        return [text for name, text in self.texts if name == tag]


def several_commits():
    old = batch_sizes(commit="b" * 40, commit_time=pd.Timestamp("2024-04-01", tz="UTC"))
    old = old.assign(row="b" + old["row"].str[1:], test_accuracy=old["test_accuracy"] + 0.012 * (1 + old["seed"] / 7))
    return pd.concat([batch_sizes(), architectures(), old], ignore_index=True)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    runs = several_commits()
    tables = {"history": curves(batch_sizes()), "landscape": landscape(architectures())}
    write_report(Memory(runs, tables), lambda name, digest: SUITE, folder)
    return folder


@pytest.fixture(scope="module")
def page(out):
    return (out / REPORT).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def document(page):
    return Document(page)


@pytest.mark.parametrize("name", ["index.html", REPORT])
def test_every_element_is_closed_and_every_id_is_there_once(out, name):
    document = Document((out / name).read_text(encoding="utf-8"))
    assert document.wrong == []
    ids = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 0


@pytest.mark.fault("F48")
def test_the_policy_allows_its_own_style_and_script_alone(page, document):
    (policy,) = [meta["content"] for meta in document.named("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    for kind in ("style", "script"):
        (source,) = re.findall(f"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        assert f"{kind}-src 'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_nothing_is_loaded_and_nothing_has_its_own_style_or_handler(document):
    attributes = {name for _, given in document.elements for name in given}
    assert not {"style", "src", "srcset", "action", "formaction"} & attributes
    assert not [name for name in attributes if name.startswith("on")]
    links = [value for _, given in document.elements for name, value in given.items() if name in {"href", "xlink:href"}]
    assert links
    assert all(link.startswith("#") for link in links)


def test_every_link_leads_to_an_element_or_a_cell(document):
    ids = {attributes["id"] for _, attributes in document.elements if "id" in attributes}
    data = json.loads("".join(text for tag, text in document.texts if tag == "script" and text.startswith("{")))
    cells = set(data["runs"]["cell_ids"]["values"])
    links = [given["href"] for tag, given in document.elements if tag in {"a", "use"}]
    assert [link for link in links if link[1:] not in ids and link.removeprefix("#cell=") not in cells] == []


def test_headers_of_tables_have_a_scope_and_every_table_a_name(document):
    heads = document.named("th")
    assert heads
    assert all(head.get("scope") in {"col", "colgroup", "row"} for head in heads)
    assert len(document.named("caption")) == len(document.named("table"))


def test_numbers_and_verdicts_are_those_of_the_other_formats(out, document):
    said = " ".join(text for _, text in document.texts)
    markdown = (out / "demo/quick/report.md").read_text(encoding="utf-8")
    numbers = re.findall(r"-?\d+\.\d+ ± \d+\.\d+", markdown)
    assert len(numbers) > 8
    assert [number for number in numbers if number not in said] == []
    assert "95.00 ± 1.24" in document.inside("strong")
    assert "reproduced" in document.inside("span")


def test_the_last_two_commits_are_compared_as_the_command_does(document):
    texts = [text for _, text in document.texts]
    assert "bbbbbbbbbbbb (2024-04-01) → aaaaaaaaaaaa (2024-05-01): demo at quick" in texts
    assert texts.count("worse") >= 3
    assert "identical" not in document.inside("span")


def test_trends_show_the_mean_of_each_commit(document):
    """96.37 is 0.95 + 0.012 × (1 + 1/7), the mean over seeds 0, 1 and 2."""
    assert "96.37 → 95.00" in document.inside("span")
    labels = [given["aria-label"] for tag, given in document.elements if tag == "svg" and given.get("class") == "spark"]
    assert "bbbbbbbbbbbb (2024-04-01): 96.37; aaaaaaaaaaaa (2024-05-01): 95.00" in labels
    assert document.inside("p").count(MEANING) == 1


def test_one_commit_has_no_comparison_and_no_trends(tmp_path):
    write_report(Memory(batch_sizes(), {}), lambda name, digest: SUITE, tmp_path)
    page = (tmp_path / REPORT).read_text(encoding="utf-8")
    assert 'id="comparison"' not in page
    assert 'id="trends"' not in page


def test_commits_that_cannot_be_compared_are_said():
    """Two versions of a suite at one commit give two rows for a seed."""
    old = batch_sizes(commit="b" * 40, commit_time=pd.Timestamp("2024-04-01", tz="UTC"))
    found = history_of(pd.concat([batch_sizes(), old, old.assign(row="", suite_version=2)], ignore_index=True), METRICS, ["batch-size"])
    assert found.comparison is None
    assert "with different suite_version" in found.remarks[0]


def test_only_the_last_commits_are_shown():
    runs = [
        batch_sizes([16], seeds=2, commit=f"{place:040x}", commit_time=pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=place)) for place in range(40)
    ]
    found = history_of(pd.concat(runs, ignore_index=True), METRICS, ["batch-size"])
    assert len(found.states) == MOST_COMMITS
    assert found.states[-1].name.startswith(f"{39:040x}"[:12])
    assert found.trends[0].cells[0][1][0].places == tuple(range(MOST_COMMITS))


def test_a_failed_run_is_in_no_mean_of_a_trend():
    old = batch_sizes([16], commit="b" * 40, commit_time=pd.Timestamp("2024-04-01", tz="UTC"))
    old.loc[old["seed"] == 0, ["status", "test_accuracy"]] = ["diverged", 0.0]
    found = history_of(pd.concat([batch_sizes([16]), old], ignore_index=True), METRICS, ["batch-size"])
    accuracy = found.trends[0].cells[0][1][0]
    assert accuracy.means == pytest.approx((0.9525, 0.95))


def test_every_run_is_in_the_data_with_its_configuration_and_provenance(document):
    (text,) = [text for tag, text in document.texts if tag == "script" and text.startswith("{")]
    runs = json.loads(text)["runs"]
    assert len(runs["ids"]["row"]) == 21
    assert {column["name"]: len(column["index"]) for column in runs["list"]} == dict.fromkeys(("experiment", "cell", "seed", "status"), 21)
    place = runs["list"][3]["values"].index("diverged")
    failed = runs["list"][3]["index"].index(place)
    assert {metric["name"]: metric["exact"][failed] for metric in runs["metrics"]} == dict.fromkeys(("test_accuracy", "test_loss", "sharpness_filter"))
    assert ["model", "vgg9"] in runs["configuration"]["values"][runs["configuration"]["index"][failed]]
    provenance = {column["name"]: column["values"][column["index"][failed]] if column["index"][failed] >= 0 else None for column in runs["provenance"]}
    assert provenance["reason"] == "loss is not finite"
    assert provenance["hardware"] == "a processor"
    assert provenance["diff_hash"] is None


def test_a_report_without_a_known_experiment_is_a_page(tmp_path):
    write_report(Memory(batch_sizes().assign(experiment="gone"), {}), lambda name, digest: SUITE, tmp_path)
    document = Document((tmp_path / REPORT).read_text(encoding="utf-8"))
    assert document.wrong == []
    assert "Not in the suite file, and not shown: gone." in document.inside("li")


def test_long_tables_keep_most_rows_in_a_template(tmp_path):
    write_report(Memory(batch_sizes(range(1, 131), seeds=1), {}), lambda name, digest: None, tmp_path)
    page = (tmp_path / REPORT).read_text(encoding="utf-8")
    box = page[page.index('id="cells-batch-size"') - 80 :]
    body, template = re.search(r"<tbody>(.*?)</tbody>.*?<template>(.*?)</template>", box).groups()
    assert (body.count("<tr>"), template.count("<tr>")) == (100, 30)


def test_figures_share_letters_and_no_other_id():
    drawings = []
    for name in ("one", "other"):
        with styled():
            figure, (place,) = panels(1, 1, "Same", "title")
            place.plot([0, 1], [2, 3], label="a line")
            drawings.append(picture(name, "Same", svg(figure), figure))
    assert drawings[0].glyphs == drawings[1].glyphs
    ids = [set(re.findall(r' id="([^"]+)"', drawing.svg)) for drawing in drawings]
    assert ids[0]
    assert not ids[0] & ids[1]
    for drawing, own in zip(drawings, ids, strict=True):
        used = set(re.findall(r'href="#([^"]+)"', drawing.svg)) | set(re.findall(r"url\(#([^)]+)\)", drawing.svg))
        assert used <= own | set(drawing.glyphs)


def test_points_lie_where_the_drawing_has_them():
    with styled():
        figure, (place,) = panels(1, 1, "A title", "with a line below")
        place.plot([0, 1, 2], [5, 3, 8], label=r"\$x\$")
        place.set(xlabel="epochs", ylabel="loss")
        drawn = picture("one", "A title", svg(figure), figure)
    (panel,) = drawn.panels
    (line,) = panel["lines"]
    assert (panel["x"], panel["y"], line["name"], line["says"]) == ("epochs", "loss", "$x$", [["0", "5"], ["1", "3"], ["2", "8"]])
    paths = [[float(number) for number in re.findall(r"-?[\d.]+", path)] for path in re.findall(r' d="(M [^"z]+)"', drawn.svg)]
    assert any(path == pytest.approx([end for point in line["at"] for end in point], abs=0.06) for path in paths if len(path) == 6)


def test_text_is_escaped_where_it_enters():
    hostile = "<img src=x onerror=alert(1)>&\"'"
    assert element("p", hostile) == "<p>&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#x27;</p>"
    assert element("a", "x", href='"><script>') == '<a href="&quot;&gt;&lt;script&gt;">x</a>'
    assert join([hostile]).startswith("&lt;img")
    assert element("p", Html("<b>made here</b>")) == "<p><b>made here</b></p>"
    assert element("p", "a\u202eb\x00\ud800c") == "<p>abc</p>"


def test_json_cannot_end_its_element():
    hostile = {"a": "</script><!--<script>&\u2028\u2029"}
    written = script_json(hostile)
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == hostile
    with pytest.raises(ValueError, match="JSON"):
        script_json({"a": float("nan")})


@pytest.mark.fault("F48")
def test_hostile_texts_make_no_element(tmp_path):
    plain, hostile = tmp_path / "plain", tmp_path / "hostile"
    harmless = "x" * len(HOSTILE)
    write_report(hostile_registry(harmless), lambda name, digest: hostile_suite(harmless), plain)
    write_report(hostile_registry(HOSTILE), lambda name, digest: hostile_suite(HOSTILE), hostile)
    for name in ("index.html", REPORT):
        expected, found = (Document((folder / name).read_text(encoding="utf-8")) for folder in (plain, hostile))
        assert found.wrong == []
        assert [tag for tag, _ in outside_figures(found)] == [tag for tag, _ in outside_figures(expected)]
        assert [sorted(given) for _, given in outside_figures(found)] == [sorted(given) for _, given in outside_figures(expected)]
        assert any("<img src=x onerror=" in text for tag, text in found.texts if tag != "script")


def outside_figures(document):
    """Elements but letters and lines of drawings, which depend on the texts."""
    return [(tag, given) for tag, given in document.elements if tag not in {"g", "path", "use", "defs"}]
