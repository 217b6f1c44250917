"""What the documentation says is run."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.analysis.statistics import mean_interval
from bench.registry.store import Registry
from tests.commands.conftest import ROOT, Project
from tests.commands.conftest import project as project  # a fixture

README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def block(text: str, mark: str) -> str:
    found = re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_examples_of_contributing_are_trained(project: Project) -> None:
    names = []
    for kind in ("model", "dataset", "measure"):
        Path(f"{kind}.py").write_text(block(CONTRIBUTING, f"example: {kind}"))
        names += ["--plugins", f"{kind}.py"]
    outcome = project.run("-e", "again", *names, "--set", "model=linear_probe", "--set", "dataset=two_moons", "--set", "measures=[accuracy, weight_norm]")
    assert outcome.code == 0, outcome.err
    rows = bench.read_results("results")
    assert set(rows["status"]) == {"ok"}
    assert (rows["weight_norm"] > 0).all()
    assert set(rows["hp.model.features"]) == {32}


def test_the_one_liners_read_the_registry_and_agree_with_the_report(project: Project) -> None:
    import duckdb

    project.edit("rates:\n", "batch-size:\n")
    project.edit("grid: {dropout: [0.0, 0.5]}", "grid: {batch_size: [16, 64]}")
    project.edit("rows: [dropout]", "rows: [batch_size]")
    project.edit("experiment: rates", "experiment: batch-size")
    project.edit("value: {dropout: 0}", "value: {batch_size: 16}")
    assert project.run().code == 0
    names: dict[str, pd.DataFrame] = {}
    exec(block(README, "readme-pandas"), names)  # noqa: S102 - what the README says is run
    means = names["table"]["mean"].to_dict()
    rows = duckdb.sql(block(README, "readme-duckdb")).fetchall()
    assert {size: pytest.approx(mean) for size, mean, _ in rows} == means
    assert {count for *_, count in rows} == {3}
    table = pd.read_csv("report/small/quick/tables/cells-batch-size.csv")
    column = next(name for name in table.columns if name.startswith("test_accuracy"))
    shown = dict(zip(table.iloc[:, 0].astype(str), table[column], strict=True))
    assert {size: pytest.approx(mean) for size, mean in means.items()} == shown


def test_each_command_of_the_readme_exists(project: Project) -> None:
    help_text = project.bench("--help").out
    commands = set(re.findall(r"\$ bench (\w+)", README)) | set(re.findall(r"`bench (\w+)", README))
    assert commands
    for command in commands:
        assert f" {command} " in help_text, command


def test_each_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`?make (\w+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_links_lead_somewhere() -> None:
    for text in (README, CONTRIBUTING):
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert link.startswith("https://") or (ROOT / link).exists(), link


def test_make_alone_prints_the_targets() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("bench", "compare", "report", "test", "install", "perf"):
        assert f"make {target}" in done.stdout


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    entries = re.split(r"\n(?=[a-z0-9])", lock.strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    for name in ("torch==", "torchvision==", "torchtext==0.6.0"):
        assert any(entry.startswith(name) for entry in entries)


def test_every_dependency_has_a_reason_and_a_lower_bound() -> None:
    lines = [line.strip() for line in (ROOT / "pyproject.toml").read_text().splitlines()]
    start, end = lines.index("[project]"), lines.index("[project.scripts]")
    found = [line for line in lines[start:end] if re.match(r'^"[a-z0-9-]+[>=]', line)]
    assert len(found) > 20
    for line in found:
        assert re.match(r'^"[a-z0-9.-]+(>=|==)[\d.]+",\s+# \S', line), line


def test_the_version_is_one(project: Project) -> None:
    done = subprocess.run([sys.executable, "-c", "import bench; print(bench.__version__)"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == bench.__version__


def test_what_the_readme_says_of_published_results_is_what_their_rows_say() -> None:
    registry = Registry(ROOT / "results" / "reference")
    rows = registry.runs()
    assert registry.verify() == []
    assert set(rows["status"]) == {"ok"}
    assert not rows["dirty"].any()
    command = [sys.executable, "-m", "bench", "claims", "dropout", "--profile", "paper", "--results", str(registry.root), "--format", "csv"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    judged = [claim for claim in csv.DictReader(io.StringIO(told.stdout)) if claim["verdict"] not in ("not run", "")]
    assert {claim["verdict"] for claim in judged} == {"reproduced"}
    said = re.findall(r"\| reproduced \| \D*?([−\d.,]+)[^|\[]*\[(.+?), (.+?)\]", README)
    assert len(said) == 11
    numbers = {tuple(float(number.replace("−", "-").replace(",", "")) for number in row) for row in said}
    assert numbers <= {tuple(float(f"{float(claim[end]):.3g}") for end in ("effect", "effect low", "effect high")) for claim in judged}


def test_what_the_readme_says_of_mnist_is_what_the_published_rows_say() -> None:
    rows = Registry(ROOT / "results" / "reference").runs()
    short = rows[rows["variant"] == "seeds=3 steps=5000"]
    assert set(short["experiment"]) == {"fig-1.4", "fig-1.4-scales"}
    axes = ["experiment", "axis.objective", "axis.penalties", "axis.initializer", "axis.dropout"]
    told = set()
    for _, cell in short.groupby(axes, dropna=False):
        found = mean_interval(100 * cell["test_accuracy"].to_numpy(dtype=float), 100 / cell["test_size"].iloc[0])
        told.add(f"{found.mean:.2f} ± {found.mean - found.low:.2f}" if found.low is not None else f"{found.mean:.2f}")
    section = README.partition("### The first 1000 images of MNIST")[2].partition("\n## ")[0]
    said = re.findall(r"\d\d\.\d\d(?: ± \d\.\d\d)?", section)
    assert len(said) > 10
    assert set(said) <= told
