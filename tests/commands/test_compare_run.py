"""`bench compare --run`: each revision is run by its own code, and nothing of it is left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import backfill, read_results
from tests.commands.conftest import ROOT, Project

TOY = """\
import json, os, signal, sys, time
from pathlib import Path

record = Path(os.environ["TOY_RECORD"])
"""
"""The beginning of a package bench of which only the surroundings matter."""

SAYS = (
    TOY
    + "record.write_text(json.dumps({'argv': sys.argv, 'cwd': os.getcwd(), 'path': sys.path, 'data': os.environ.get('BENCH_DATA'), 'color': os.environ.get('FORCE_COLOR')}))\n"
)
WAITS = """\
def stop(number, frame):
    record.with_suffix('.stopped').write_text(str(number))
    sys.exit(128 + number)

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, stop)
record.write_text(str(os.getpid()))
time.sleep(100)
"""


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are made, outside the repository."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("TOY_RECORD", str(folder.with_name(f"{folder.name}-record")))
    return folder


@pytest.fixture
def record(temporary: Path) -> Path:
    """What a toy writes."""
    return Path(os.environ["TOY_RECORD"])


def give_toy(project: Project, main: str) -> None:
    """Two commits with a package bench that only does this."""
    folder = project.folder / "bench"
    folder.mkdir(exist_ok=True)
    for name in ("__init__.py", "cli.py"):
        (folder / name).touch()
    (folder / "__main__.py").write_text(main)
    project.commit("a toy")
    project.commit("the same toy")


def traces(project: Project, temporary: Path) -> tuple[str, str, list[Path]]:
    """What must be as it was before."""
    return project.git("worktree", "list"), project.git("status", "--porcelain", "--", ":!results", ":!report"), list(temporary.iterdir())


def compare(project: Project, *words: str) -> subprocess.Popen[str]:
    """The command in a process that cannot import torch."""
    script = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "torchtext", "sklearn"):
            raise ImportError(name + " is imported")
sys.meta_path.insert(0, Refuse())
from bench.cli import main
main(sys.argv[1:])
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", script, "compare", *words]
    return subprocess.Popen(command, cwd=project.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_harmful_commit_is_found_by_running_both(project: Project, temporary: Path) -> None:
    shutil.copytree(ROOT / "bench", "bench", ignore=shutil.ignore_patterns("__pycache__"))
    Path("suites").mkdir()
    project.edit("seeds: 3}", "seeds: 6}")
    project.edit("epochs: 1,", "epochs: 6,")
    project.suite.rename("suites/tiny.yaml")
    project.commit("bench and a suite")
    sgd = Path("bench/parts/optimizers/sgd.py")
    sgd.write_text(sgd.read_text().replace("slope = params * decay + grads\n", "slope = params * decay + 0.001 * grads\n"))
    project.commit("gradients are scaled")
    sgd.write_text("this is no Python")  # what is not committed plays no part
    before = traces(project, temporary)
    done = compare(project, "HEAD~1", "HEAD", "--run", "--suite", "tiny", "-e", "again", "-j", "1", "--fail-on", "test_accuracy:0.5pp", "--format", "json")
    out, err = done.communicate()
    assert done.returncode == 1, err
    assert '"crossed"' in out
    assert "packages that are installed now" in err
    assert traces(project, temporary) == before
    rows = read_results("results")
    base, head = (rows[rows["commit"] == project.git("rev-parse", name).strip()] for name in ("HEAD~1", "HEAD"))
    assert (len(base), len(head)) == (6, 6)
    assert not rows["dirty"].any()
    assert set(base["run_id"]) == set(head["run_id"])
    files = [json.loads(side["code_files"].iloc[0]) for side in (base, head)]
    assert {name for name in files[0] if files[0][name] != files[1][name]} == {"parts/optimizers/sgd.py"}
    assert base["train_loss"].max() < head["train_loss"].min()
    assert not Path("report").exists()


def test_a_repository_without_bench_is_run_by_the_installed_one(project: Project, temporary: Path) -> None:
    project.edit("lr: 0.1", "lr: 0.3")
    project.commit("another learning rate")
    before = traces(project, temporary)
    outcome = project.bench("compare", "HEAD~1", "HEAD~1", "--run", "--suite", "small.yaml", "-e", "again", "--set", "seeds=2", "-j", "1")
    assert outcome.code == 0, outcome.err
    assert "identical" in outcome.out
    assert "has no package bench; the installed one ran its suite" in outcome.err
    assert traces(project, temporary) == before
    rows = read_results("results")
    assert set(rows["commit"]) == {project.git("rev-parse", "HEAD~1").strip()}
    assert rows["hp.optimizer.lr"].tolist() == [0.1, 0.1]
    assert set(rows["variant"]) == {"seeds=2"}


def test_what_a_revision_is_run_with(project: Project, temporary: Path, record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_toy(project, SAYS)
    inner = project.folder / "inner"
    inner.mkdir()
    monkeypatch.setenv("BENCH_DATA", "some/data")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(project.folder), "/elsewhere", str(ROOT)]))
    monkeypatch.chdir(inner)
    words = ("-e", "again", "-e", "rates", "--set", "seeds=2", "-j", "3", "--plugins", "../my.py", "--profile", "paper")
    outcome = project.bench("compare", "HEAD~1", "HEAD", "--run", "--suite", "../small.yaml", "--results", "../results", *words)
    assert outcome.code == 70
    assert "`bench run` has left no rows of HEAD~1" in outcome.err
    said = json.loads(record.read_text())
    tree = Path(said["argv"][0]).parents[1]
    assert tree.parent.parent == temporary
    assert said["cwd"] == str(tree)  # there is no folder inner at that commit
    assert said["path"][:2] == [str(tree), "/elsewhere"]
    assert str(project.folder) not in said["path"]
    assert said["data"] == str(inner / "some/data")
    assert said["color"] is None
    assert said["argv"][1:-1] == [
        *("run", str(tree / "small.yaml"), "--profile", "paper", "--set", "seeds=2", "--experiment", "again", "--experiment", "rates"),
        *("--plugins", str(tree / "my.py"), "--jobs", "3", "--results", str(inner / "../results"), "--report"),
    ]
    assert Path(said["argv"][-1]).is_relative_to(temporary)


def test_the_present_work_tree_is_used_where_it_is_the_revision(project: Project, temporary: Path, record: Path) -> None:
    give_toy(project, SAYS)
    for untracked in (False, True):
        if untracked:
            Path("notes.txt").touch()
        project.bench("compare", "HEAD", "HEAD", "--run", "--suite", "small.yaml")
        assert (json.loads(record.read_text())["cwd"] == str(project.folder)) is not untracked


def test_uncommitted_changes_are_run_where_they_are(project: Project, temporary: Path, record: Path) -> None:
    give_toy(project, TOY + "record.open('a').write(os.getcwd() + chr(10))\n")
    words = ("compare", "HEAD", "--dirty", "--run", "--suite", "small.yaml", "-e", "again")
    project.run("-e", "again")
    Path("notes.txt").touch()
    outcome = project.bench(*words)
    assert outcome.code == 70
    assert f"no rows of HEAD --dirty ({project.git('rev-parse', 'HEAD')[:12]}) for suite 'small'" in outcome.err
    project.edit("lr: 0.1", "lr: 0.3")
    project.run("-e", "again")
    record.unlink()
    outcome = project.bench(*words)
    assert outcome.code == 0, outcome.err
    assert "optimizer.lr: 0.1 -> 0.3" in outcome.out
    base, head = record.read_text().splitlines()
    assert Path(base).is_relative_to(temporary)
    assert head == str(project.folder)


@pytest.mark.parametrize(
    ("ending", "code", "text"),
    [
        ("sys.exit(4)", 4, "with exit code 4"),
        ("sys.exit(2)", 2, "with exit code 2"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 70, "with signal SIGKILL"),
        ("sys.exit(1)", 70, "has left no rows"),
    ],
)
def test_a_failure_names_the_revision_and_leaves_nothing(project: Project, temporary: Path, record: Path, ending: str, code: int, text: str) -> None:
    give_toy(project, f"{TOY}print('line of its own', file=sys.stderr, flush=True)\n{ending}\n")
    before = traces(project, temporary)
    outcome = project.bench("compare", "HEAD~1", "HEAD", "--run", "--suite", "small.yaml")
    assert outcome.code == code
    assert text in outcome.err
    error = outcome.err.partition("error: ")[2]
    assert f"HEAD~1 ({project.git('rev-parse', 'HEAD~1')[:12]})" in error
    assert "line of its own" in error
    assert traces(project, temporary) == before


def test_failed_runs_are_compared_all_the_same(project: Project, temporary: Path, record: Path) -> None:
    give_toy(project, "import sys; sys.exit(1)")
    project.run("-e", "again")
    outcome = project.bench("compare", "HEAD", "HEAD", "--run", "--suite", "small.yaml")
    assert outcome.code == 1
    assert "identical" in outcome.out
    assert project.bench("compare", "HEAD", "HEAD", "--run", "--suite", "small.yaml", "--set", "seeds=2").code == 70  # rows of no such variant


def test_the_suite_is_known_where_there_is_one(project: Project, temporary: Path, record: Path) -> None:
    shutil.copy("small.yaml", "later.yaml")
    Path("suites").mkdir()
    project.suite.rename("suites/small.yaml")
    give_toy(project, "")
    project.bench("run", "small", "--executor", "inline", "-e", "again")
    outcome = project.bench("compare", "latest", "HEAD", "--run")
    assert outcome.code == 0, outcome.err
    assert "latest" in outcome.err
    project.bench("run", "later.yaml", "--executor", "inline", "-e", "again")
    outcome = project.bench("compare", "latest", "HEAD", "--run")
    assert outcome.code == 2
    assert "rows of 2 suites (later, small)" in outcome.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_child_and_leaves_nothing(project: Project, temporary: Path, record: Path, number: signal.Signals) -> None:
    give_toy(project, TOY + WAITS)
    before = traces(project, temporary)
    done = compare(project, "HEAD~1", "HEAD", "--run", "--suite", "small.yaml")
    child = wait_for(record, done)
    assert len(project.git("worktree", "list").splitlines()) == 2
    done.send_signal(number)
    _, err = done.communicate(timeout=60)
    assert done.returncode == 128 + number, err
    assert err.count("bench run small.yaml") == 1  # the next revision is not begun
    assert record.with_suffix(".stopped").read_text() == str(int(number))
    assert not Path(f"/proc/{child}").exists()
    assert traces(project, temporary) == before


def test_a_second_signal_kills_a_child_that_does_not_stop(project: Project, temporary: Path, record: Path) -> None:
    give_toy(project, TOY + WAITS.replace("sys.exit(128 + number)", "return"))
    before = traces(project, temporary)
    done = compare(project, "HEAD~1", "HEAD", "--run", "--suite", "small.yaml")
    child = wait_for(record, done)
    done.terminate()
    wait_for(record.with_suffix(".stopped"), done)
    done.terminate()
    done.communicate(timeout=60)
    assert done.returncode == 143
    assert not Path(f"/proc/{child}").exists()
    assert traces(project, temporary) == before


def wait_for(record: Path, process: subprocess.Popen[str]) -> int:
    """The number in a file, once there is one."""
    deadline = time.monotonic() + 60
    while not (record.exists() and record.read_text()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return int(record.read_text())


def test_other_code_is_refused_before_anything_is_run(project: Project, temporary: Path, record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_toy(project, SAYS)
    (temporary / "sitecustomize.py").write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r}); import bench")
    monkeypatch.setenv("PYTHONPATH", str(temporary))
    before = traces(project, temporary)
    outcome = project.bench("compare", "HEAD~1", "HEAD", "--run", "--suite", "small.yaml")
    assert outcome.code == 2
    assert f"would be run by the code in {ROOT / 'bench'}, not by that in {temporary}" in outcome.err
    assert not record.exists()
    assert [name.name for name in traces(project, temporary)[2] if name.name != "__pycache__"] == [name.name for name in before[2]]


def test_latest_is_what_it_was_before(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_here(order, revisions, tell):
        project.run("-e", "again")
        return backfill.Outcome(False, ())

    project.run("-e", "again")
    project.edit("lr: 0.1", "lr: 0.3")
    project.commit("another learning rate")
    monkeypatch.setattr(backfill, "backfill", run_here)
    outcome = project.bench("compare", "latest", "HEAD", "--run", "--suite", "small.yaml")
    assert "optimizer.lr: 0.1 -> 0.3" in outcome.out, outcome.err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("HEAD~1", "HEAD"), 2, "the registry has no rows yet"),
        (("HEAD~1", "HEAD", "--suite", "smal"), 2, "HEAD~1"),
        (("HEAD~1", "HEAD", "--suite", "../other.yaml"), 2, "has no suite '../other.yaml'"),
        (("HEAD~9", "HEAD", "--suite", "small.yaml"), 2, "HEAD~9"),
        (("latest", "HEAD", "--suite", "small.yaml"), 5, "no row has a commit"),
        (("HEAD", "HEAD~1", "--dirty", "--suite", "small.yaml"), 2, "can be run there only"),
        (("HEAD~1", "HEAD", "--suite", "small.yaml", "--variant", "seeds=2"), 2, "--set KEY=VALUE"),
        (("HEAD~1", "HEAD", "--suite", "later.yaml"), 2, "HEAD~1"),
    ],
)
def test_what_cannot_be_run_is_refused(project: Project, temporary: Path, words: tuple[str, ...], code: int, text: str) -> None:
    shutil.copy("small.yaml", "later.yaml")
    project.commit("a second suite")
    before = traces(project, temporary)
    outcome = project.bench("compare", "--run", *words)
    assert outcome.code == code, outcome
    assert text in outcome.err
    assert traces(project, temporary) == before
    assert not Path("results").exists()


def test_outside_of_a_repository(project: Project, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project.run("-e", "again")
    commit = read_results("results")["commit"].iloc[0]
    monkeypatch.chdir(temporary)
    outcome = project.bench("compare", commit, commit, "--run", "--suite", "small", "--results", str(project.folder / "results"))
    assert outcome.code == 4
    assert "in no git repository" in outcome.err


def test_uncommitted_changes_are_compared_with_their_commit(project: Project) -> None:
    project.run("-e", "again")
    missing = project.bench("compare", "HEAD", "--dirty")
    assert missing.code == 5
    assert "no rows of uncommitted changes on top of HEAD" in missing.err
    for rate in (0.2, 0.3):
        project.edit("lr: 0.1" if rate == 0.2 else "lr: 0.2", f"lr: {rate}")
        project.run("-e", "again")
    outcome = project.bench("compare", "HEAD", "--dirty", "-e", "again")
    assert outcome.code == 0, outcome.err
    assert "note" not in outcome.err
    assert "optimizer.lr: 0.1 -> 0.3" in outcome.out
    project.edit("lr: 0.3", "lr: 0.2")
    assert "optimizer.lr: 0.1 -> 0.2" in project.bench("compare", "HEAD", "--dirty").out
    project.edit("lr: 0.2", "lr: 0.5")
    outcome = project.bench("compare", "HEAD", "--dirty")
    assert "optimizer.lr: 0.1 -> 0.3" in outcome.out
    assert "those written last are taken" in outcome.err
