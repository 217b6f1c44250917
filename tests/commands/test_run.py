"""Running, running again, going on after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pytest

from bench import read_results
from tests.commands.conftest import Project


def test_run_trains_writes_and_prints(project: Project) -> None:
    outcome = project.run()
    assert outcome.code == 0, outcome.err
    assert "9 runs: 9 new" in outcome.out
    assert "±" in outcome.out
    assert "n = 3" in outcome.out
    for name in ("rows:", "tables:", "figures:", "report:"):
        assert name in outcome.out
    rows = read_results("results")
    assert len(rows) == 9
    assert set(rows["status"]) == {"ok"}
    assert Path("report/small/quick/tables/accuracy.md").is_file()


def test_rows_of_a_suite_outside_a_repository_are_said_to_have_no_commit(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "small.yaml"
    elsewhere.write_text(project.suite.read_text())
    assert "no commit" in project.bench("run", str(elsewhere), "-e", "again", "--executor", "inline").err
    assert read_results("results")["commit"].isna().all()
    assert "no commit" not in project.run("-e", "again").err


def test_a_run_shared_by_two_experiments_is_trained_once(project: Project) -> None:
    project.run()
    rows = read_results("results")
    shared = rows[rows["experiment"] == "again"]
    assert shared["reused_from"].notna().all()
    both = rows[rows["run_id"].isin(shared["run_id"])]
    assert (both.groupby("run_id")["test_loss"].nunique() == 1).all()


def test_the_same_command_again_trains_nothing(project: Project) -> None:
    project.run()
    before = sorted(path.name for path in Path("results/runs").iterdir())
    outcome = project.run()
    assert outcome.code == 0
    assert "9 runs: 9 done" in outcome.out
    assert sorted(path.name for path in Path("results/runs").iterdir()) == before


def test_a_new_commit_leaves_complete_rows_without_training(project: Project) -> None:
    project.run()
    project.commit("nothing that matters")
    outcome = project.run()
    assert "9 runs: 9 trained before" in outcome.out
    rows = read_results("results")
    assert (rows.groupby("commit").size() == 9).all()
    assert rows["commit"].nunique() == 2
    new = rows[rows["commit"] == project.git("rev-parse", "HEAD").strip()]
    assert new["reused_from"].notna().all()


def test_rows_of_many_runs_are_written_anew_in_several_files(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.run()
    before = read_results("results")
    files = set(Path("results/runs").iterdir())
    project.commit("nothing that matters")
    monkeypatch.setattr("bench.recorder.REPEATED", 4)
    assert project.run().code == 0
    assert len(set(Path("results/runs").iterdir()) - files) == 3
    after = read_results("results")
    numbers = ["experiment", "run_id", "hp.dropout", *before.filter(regex="_loss$|_accuracy$")]
    new = after[~after["row"].isin(before["row"])]
    one, other = (rows.sort_values(numbers[:2], ignore_index=True)[numbers] for rows in (before, new))
    pd.testing.assert_frame_equal(one, other)


def test_more_seeds_train_only_the_new_ones(project: Project) -> None:
    project.run("-e", "again")
    project.edit("seeds: 3}", "seeds: 4}")
    assert "4 runs: 3 trained before, 1 new" in project.run("-e", "again").out


def test_variants_and_profiles_do_not_mix(project: Project) -> None:
    project.run("-e", "again")
    outcome = project.run("-e", "again", "--set", "seeds=1", "--set", "optimizer.lr=0.2")
    assert "1 run: 1 new" in outcome.out
    rows = read_results("results")
    assert set(rows["variant"]) == {"", "optimizer.lr=0.2 seeds=1"}
    project.bench("report", "--out", "plain")
    assert "n of N: 3" in (text := Path("plain/small/quick/report.md").read_text()) or "n = 3" in text


def test_only_selects_runs(project: Project) -> None:
    assert "2 runs: 2 new" in project.run("--only", "dropout=0.5,seed<2").out
    outcome = project.run("--only", "dropuot=0.5")
    assert outcome.code == 2
    assert "Did you mean 'dropout'?" in outcome.err
    assert project.run("--only", "dropout=0.7").code == 5


def test_dry_run_writes_nothing(project: Project) -> None:
    outcome = project.run("--dry-run")
    assert "never trained" in outcome.out
    assert not Path("results").exists()


def test_plan_says_why(project: Project) -> None:
    project.run("-e", "again")
    project.edit("measures: [accuracy, loss]", "measures: [accuracy, loss, generalization_gap]")
    outcome = project.bench("plan", "small.yaml", "-e", "again", "-j", "2")
    assert "measure generalization_gap was not taken" in outcome.out
    assert "to train: 3 runs in 2 packs" in outcome.out
    outcome = project.bench("plan", "small.yaml", "-e", "again", "--pack-size", "1")
    assert "to train: 3 runs in 3 packs" in outcome.out


def test_forced_rows_win(project: Project) -> None:
    project.run("-e", "again")
    assert "3 runs: 3 new" in project.run("-e", "again", "--force").out
    rows = read_results("results")
    assert len(rows) == 3
    assert set(rows["generation"]) == {1}


def test_two_processes_give_the_numbers_of_one(project: Project) -> None:
    project.run("-e", "rates")
    numbers = read_results("results").set_index("run_id")["test_loss"].sort_index()
    outcome = project.bench("run", "small.yaml", "-e", "rates", "--results", "other", "-j", "2")
    assert outcome.code == 0, outcome.err
    pd.testing.assert_series_equal(read_results("other").set_index("run_id")["test_loss"].sort_index(), numbers, check_exact=True)


def test_a_killed_runner_goes_on_where_it_stopped(project: Project) -> None:
    runner = project.spawn("run", "small.yaml", "-j", "1", "--pack-size", "1")
    deadline = time.monotonic() + 120
    while len(list(Path("results/runs").glob("*.parquet"))) < 2:
        assert runner.poll() is None, runner.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    runner.kill()
    runner.communicate()
    rows = read_results("results")
    assert 2 <= len(rows) < 9
    trained = set(rows["run_id"])
    outcome = project.run()
    assert outcome.code == 0
    after = read_results("results")
    assert len(after) == 9
    kept = after[after["row"].isin(rows["row"])]
    assert set(kept["run_id"]) == trained
    assert after["reused_from"].isna().sum() == 6


def workers_of(runner: subprocess.Popen[str]) -> list[psutil.Process]:
    return [child for child in psutil.Process(runner.pid).children() if "spawn_main" in " ".join(child.cmdline())]


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


LONG = ("--set", "epochs=15000", "--set", "batch_size=64", "--only", "seed<1", "-e", "again")
"""A run of half a minute, which is not compiled."""


@pytest.mark.fault("F7")
def test_a_signal_stops_where_the_run_can_go_on(project: Project) -> None:
    words = ("run", "small.yaml", "-j", "1", "--checkpoint-every", "0", *LONG)
    runner = project.spawn(*words)
    wait_until(lambda: list(Path("results/checkpoints").glob("*.*.*")))
    (worker,) = workers_of(runner)
    assert len(list(Path("results/leases").glob("*.0"))) == 1
    runner.terminate()
    _, err = runner.communicate(timeout=60)
    assert runner.returncode == 143
    assert "stopping: what is under way is kept where it is" in err
    assert "the same command goes on from there" in err
    assert not worker.is_running()
    assert list(Path("results/leases").iterdir()) == []
    assert list(Path("results/runs").iterdir()) == []
    assert len(list(Path("results/checkpoints").iterdir())) == 2


@pytest.mark.fault("F6")
def test_ctrl_c_twice_stops_at_once(project: Project) -> None:
    runner = project.spawn("run", "small.yaml", "-j", "1", *LONG)
    wait_until(lambda: list(Path("results/leases").glob("*.0")) and workers_of(runner))
    (worker,) = workers_of(runner)
    worker.suspend()
    runner.send_signal(signal.SIGINT)
    assert runner.stderr is not None
    wait_until(lambda: runner.stderr is not None and "stopping:" in runner.stderr.readline())
    start = time.monotonic()
    runner.send_signal(signal.SIGINT)
    runner.communicate(timeout=60)
    assert time.monotonic() - start < 10
    assert runner.returncode == 130
    assert not worker.is_running()
    assert list(Path("results/leases").iterdir()) == []


@pytest.mark.fault("F5")
def test_a_run_that_takes_too_long_is_a_row(project: Project) -> None:
    outcome = project.bench("run", "small.yaml", "-j", "1", "--timeout", "0.5", *LONG)
    assert outcome.code == 1, outcome.err
    rows = read_results("results")
    assert list(rows["status"]) == ["timeout"]
    assert list(rows["reason"]) == ["it took longer than 0.5 s"]
    assert project.run("--timeout", "0.5").code == 2


@pytest.mark.fault("F32")
def test_a_device_that_is_not_there_is_told_before_anything_starts(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for device in ("cuda", "cuda:3"):
        outcome = project.run("--device", device)
        assert outcome.code == 4
        assert "bench doctor" in outcome.err
    assert not Path("results").exists()


@pytest.mark.fault("F26")
def test_divergence_is_a_result(project: Project) -> None:
    outcome = project.run("-e", "again", "--set", "optimizer.lr=1000000", "--set", "objective=squared")
    assert outcome.code == 0, outcome.err
    rows = read_results("results")
    assert set(rows["status"]) == {"diverged"}
    assert rows["test_loss"].isna().all()
    assert rows["reason"].str.contains("not finite at step").all()
    assert "3 runs: 3 done" in project.run("-e", "again", "--set", "optimizer.lr=1000000", "--set", "objective=squared").out


CRASH = '''
import os
from torch import nn
from bench.parts.models import models

@models.register(inputs="any")
def fragile_MODE(inputs, outputs, dropout, *, mode: str = "MODE") -> nn.Module:
    """Breaks."""
    if mode == "exit":
        os._exit(3)
    if mode == "raise":
        raise RuntimeError("broken on purpose")
    return nn.Sequential(nn.Flatten(), nn.Linear(64, outputs))
'''


@pytest.mark.parametrize(("mode", "reason"), [("raise", "RuntimeError: broken on purpose"), ("exit", "the worker died: exit status 3")])
def test_a_failed_run_is_a_row_and_the_others_go_on(project: Project, mode: str, reason: str) -> None:
    Path("fragile.py").write_text(CRASH.replace("MODE", mode))
    grid = "--set", "grid.dropout=[0.0]", "--set", "seeds=2", "--set", f"model=fragile_{mode}"
    outcome = project.bench("run", "small.yaml", "-e", "rates", "--plugins", "fragile.py", "-j", "1", *grid)
    assert outcome.code == 1
    rows = read_results("results")
    assert list(rows["status"]) == ["crashed"] * 2
    assert set(rows["reason"]) == {reason}
    again = project.bench("run", "small.yaml", "-e", "rates", "--plugins", "fragile.py", "-j", "1", *grid)
    assert "2 runs: 2 failed before" in again.out
    assert again.code == 1


@pytest.mark.fault("F12")
def test_a_registry_that_cannot_be_written_is_refused_before_training(project: Project) -> None:
    blocked = Path("blocked")
    blocked.write_text("a file where the folder should be")
    outcome = project.run("--results", "blocked")
    assert outcome.code == 3
    assert "blocked" in outcome.err


@pytest.mark.fault("F12")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_registry_is_refused_before_training(project: Project) -> None:
    Path("results").mkdir(mode=0o500)
    outcome = project.run()
    assert outcome.code == 3
    assert "[1/" not in outcome.err


@pytest.mark.fault("F18")
def test_a_torn_file_is_named_and_the_rest_is_read(project: Project) -> None:
    project.run("-e", "again", "--pack-size", "1")
    torn = sorted(Path("results/runs").glob("*.parquet"))[0]
    torn.write_bytes(torn.read_bytes()[:-40])
    outcome = project.bench("export", "out.csv")
    assert outcome.code == 3
    assert torn.name in outcome.err
    assert len(pd.read_csv("out.csv")) == 2


MODEL = '''
from torch import nn
from bench.parts.models import models

@models.register(inputs="any")
def edited(inputs, outputs, dropout, *, width: int = 8) -> nn.Module:
    """A model of a user's own."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, outputs))
'''


def test_editing_a_plugin_makes_its_runs_stale_and_only_them(project: Project) -> None:
    def state(*words: str) -> str:
        runner = project.spawn(*words, "--plugins", "edited.py", "--set", "seeds=1", "--set", "grid.model=[edited, {name: fnn, width: 16}]")
        out, err = runner.communicate()
        assert runner.returncode == 0, err
        return out

    project.edit(
        "    model: {name: fnn, width: 16}\n    optimizer: {name: sgd, lr: 0.1}\n    grid: {dropout: [0.0]}",
        "    optimizer: {name: sgd, lr: 0.1}\n    grid: {model: [fnn]}",
    )
    Path("edited.py").write_text(MODEL)
    words = ("small.yaml", "-e", "again")
    assert "2 runs: 2 new" in state("run", *words, "--executor", "inline")
    Path("edited.py").write_text(MODEL.replace('"""A model', '# a comment\n    """Another docstring of a model'))
    assert "to train: 0 runs" in state("plan", *words)
    Path("edited.py").write_text(MODEL.replace("nn.ReLU()", "nn.Tanh()"))
    assert "changed since: edited.py" in state("plan", *words)
    assert "1 trained before, 1 stale" in state("run", *words, "--executor", "inline")


def test_the_tables_of_what_was_selected_are_printed(project: Project) -> None:
    whole = project.run().out
    assert "accuracy\n" in whole
    assert "again\n" not in whole
    assert "again\n" in project.run("-e", "again").out
    assert "accuracy\n" not in project.run("-e", "again").out


def test_files_that_a_run_does_not_use_make_no_rows_dirty(project: Project) -> None:
    Path("notes.txt").write_text("not tracked")
    project.run("-e", "again")
    assert not read_results("results")["dirty"].any()
    Path("notes.txt").write_text("changed")
    assert "3 done" in project.run("-e", "again").out
    Path("new.yaml").write_text(project.suite.read_text())
    project.bench("run", "new.yaml", "-e", "again", "--executor", "inline")
    rows = read_results("results")
    assert rows[rows["suite"] == "new"]["dirty"].all()
