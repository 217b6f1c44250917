"""The small commands, and how mistakes are answered."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from tests.commands.conftest import ROOT, Project


def test_help_names_exit_codes(project: Project) -> None:
    outcome = project.bench("--help")
    assert outcome.code == 0
    assert "5 nothing selected" in " ".join(outcome.out.split())


@pytest.mark.parametrize("command", ["run", "plan", "validate", "init", "list", "show", "compare", "claims", "report", "export", "schema", "doctor", "data"])
def test_each_command_has_help(project: Project, command: str) -> None:
    assert project.bench(command, "--help").code == 0


def test_help_loads_little() -> None:
    script = "import sys; from bench.cli import main\ntry:\n main(['--help'])\nexcept SystemExit: pass\nprint([m for m in ('torch','pandas','pyarrow','numpy','pydantic','matplotlib') if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("run", "nonsense"), 2, "there is no suite 'nonsense'"),
        (("run", "../../x"), 2, "no name of a suite"),
        (("run", "absent.yaml"), 4, "absent.yaml"),
        (("run", "small.yaml", "-e", "ratse"), 2, "Did you mean 'rates'?"),
        (("run", "small.yaml", "--set", "lr"), 2, "no assignment"),
        (("run", "small.yaml", "--set", "dropout=0.1"), 2, "sweeps 'dropout'"),
        (("run", "small.yaml", "--set", "optimizer.lr=fast"), 2, "--set: optimizer.lr: input should be a valid number, got 'fast'"),
        (("run", "small.yaml", "--set", "batch_size=100"), 2, "a batch of 100 is larger than the training set of 64"),
        (("run", "small.yaml", "--device", "tpu"), 2, "'tpu' is no device"),
        (("run", "small.yaml", "--device", "cuda:99"), 4, "cuda:99"),
        (("run", "small.yaml", "--plugins", "absent.py"), 4, "absent.py"),
        (("list", "modles"), 2, "Did you mean 'models'?"),
        (("schema", "nothing"), 2, "there are suite and registry"),
        (("report",), 3, "results"),
        (("data", "verify", "cifar11"), 2, "Did you mean"),
    ],
)
def test_mistakes_are_answered(project: Project, words: tuple[str, ...], code: int, text: str) -> None:
    outcome = project.bench(*words)
    assert outcome.code == code, outcome
    assert text in outcome.err


def test_three_mistakes_in_three_blocks_are_all_reported(project: Project) -> None:
    project.edit("version: 1", "version: 1\nsedes: 3")
    project.edit(
        "model: {name: fnn, width: 16}\n    optimizer: {name: sgd, lr: 0.1}\n    grid: {dropout: [0.0, 0.5]}",
        "model: {name: fnn, widht: 16}\n    optimizer: {name: sgd, lr: 0.1}\n    grid: {dropout: [0.0, 0.5]}",
    )
    project.edit("grid: {dropout: [0.0]}", "grid: {dropout: [1.5]}")
    outcome = project.bench("validate", "small.yaml")
    assert outcome.code == 2
    for text in (
        "small.yaml:3: sedes: unknown key",
        "experiments.rates.model.widht: model 'fnn' has no parameter 'widht'",
        "experiments.again.grid.dropout[0]",
    ):
        assert text in outcome.err


@pytest.mark.fault("F34")
def test_missing_data_is_said_before_training(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(project.folder / "nowhere"))
    outcome = project.run("--set", "dataset=cifar10", "--set", "model=cnn")
    assert outcome.code == 4
    assert "bench data fetch cifar10" in outcome.err
    assert "cifar-10-batches-py" in outcome.err
    assert not Path("results").exists()


def test_init_writes_a_sound_suite(project: Project) -> None:
    assert project.bench("init", "mine.yaml").code == 0
    outcome = project.bench("validate", "mine.yaml")
    assert outcome.code == 0, outcome.err
    assert "quick: sound; 1 experiment, 3 cells, 9 runs" in outcome.out
    assert project.bench("init", "mine.yaml").code == 2
    assert project.bench("init", "../Mine Too.yaml").code == 2


def test_list_prints_parameters_and_plugins(project: Project) -> None:
    Path("listed.py").write_text(
        "from torch import nn\nfrom bench.parts.models import models\n@models.register(inputs='any')\n"
        'def only_listed(inputs, outputs, dropout, *, size: int = 3) -> nn.Module:\n    """Is listed."""\n    return nn.Flatten()\n'
    )
    outcome = project.bench("list", "models", "--plugins", "listed.py")
    assert "size=3" in outcome.out
    assert "Is listed." in outcome.out
    assert "generalization" in project.bench("list", "suites").out


def test_the_schema_takes_our_suites_and_refuses_mistakes(project: Project) -> None:
    schema = json.loads(project.bench("schema", "suite").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for path in [project.suite, *(ROOT / "suites").glob("*.yaml")]:
        data = YAML(typ="safe", pure=True).load(path.read_text())
        validator.validate(data)
        assert not validator.is_valid({**data, "sedes": 3})
        assert not validator.is_valid({**data, "defaults": {"dropuot": 0.1}})


def test_validate_takes_every_suite_of_ours(project: Project) -> None:
    for path in (ROOT / "suites").glob("*.yaml"):
        outcome = project.bench("validate", path.stem)
        assert outcome.code == 0, outcome.err


def test_doctor_looks_at_everything(project: Project) -> None:
    outcome = project.bench("doctor")
    for subject in ("Python", "torchtext", "git", "data set cifar10", "results"):
        assert subject in outcome.out


def test_the_schema_for_editors_is_the_present_one(project: Project) -> None:
    assert (ROOT / "suites" / "suite.schema.json").read_text() == project.bench("schema", "suite").out


def test_references_that_lead_nowhere_are_reported(project: Project) -> None:
    project.edit("metric: test_accuracy, value: {dropout: 0}", "metric: test_acuracy, value: {dropout: 0.7}")
    project.edit("values: [test_accuracy, train_loss]", "values: [test_accuracy, nope]")
    for words in (("validate", "small.yaml"), ("run", "small.yaml"), ("plan", "small.yaml")):
        outcome = project.bench(*words)
        assert outcome.code == 2
        assert "experiments.rates.claims.learns.metric: no measure of the experiment gives 'test_acuracy'. Did you mean 'test_accuracy'?" in outcome.err
        assert "experiments.rates.claims.learns.value: no cell at profile quick has dropout=0.7" in outcome.err
        assert "tables.accuracy.values[1]: no measure of experiment 'rates' gives 'nope'." in outcome.err
    assert project.bench("run", "small.yaml", "--dry-run", "-e", "rates").code == 0


def test_devices_and_executors_are_checked_though_nothing_is_trained(project: Project) -> None:
    project.run("-e", "again")
    assert project.run("-e", "again", "--device", "tpu").code == 2
    assert project.bench("run", "small.yaml", "-e", "again", "--executor", "procesess").code == 2
