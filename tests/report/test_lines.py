from __future__ import annotations

from bench.report.grid import grid_cells
from bench.report.lines import MOST_PANELS, arrange, at_most, points_of, seeds, subtitle
from tests.report.synthetic import architectures, batch_sizes, frame, run_row


def grid(**axes):
    rows = [{}]
    for axis, values in axes.items():
        rows = [{**row, axis: str(value)} for row in rows for value in values]
    return grid_cells(frame(run_row("e", row, seed) for row in rows for seed in range(2)))


def test_few_cells_share_a_panel_and_differ_in_colour_and_dash():
    arrangement = arrange(grid_cells(architectures()))
    assert arrangement.panels == [""]
    assert arrangement.lines[0].name == "fnn, mnist, 0 (n = 3)"
    assert len({line.colour for line in arrangement.lines}) == len({line.dash for line in arrangement.lines}) == 4


def test_variants_of_one_part_are_lines_of_their_own():
    rows = frame(run_row("e", {"model": f"fnn(width={width})"}, 0, **{"hp.model": "fnn"}) for width in (8, 64))
    assert [line.name for line in arrange(grid_cells(rows)).lines] == ["fnn(width=64) (n = 1)", "fnn(width=8) (n = 1)"]


def test_other_axes_than_those_asked_for_become_panels():
    arrangement = arrange(grid_cells(architectures()), ["dropout"])
    assert arrangement.panels == ["model = fnn, dataset = mnist", "model = vgg9, dataset = cifar10"]
    assert len({line.colour for line in arrangement.lines}) == 2
    assert {line.name for line in arrangement.lines} == {"0 (n = 3)", "0.2 (n = 2–3)"}


def test_many_values_of_a_number_become_a_scale_of_colours():
    arrangement = arrange(grid(width=[2**k for k in range(12)]))
    assert arrangement.scale == tuple(2.0**k for k in range(12))
    assert len({line.colour for line in arrangement.lines}) == 12
    assert "n = 2" in subtitle(arrangement)


def test_of_many_cells_the_longest_axis_of_numbers_tells_lines_apart():
    arrangement = arrange(grid(model=["a", "b"], width=[1, 2, 3, 4], lr=[0.1, 0.2]))
    assert arrangement.by == ("width",)
    assert len(arrangement.panels) == 4


def test_many_names_become_panels_of_one_line():
    arrangement = arrange(grid(model=list("abcdefghij")))
    assert (arrangement.by, len(arrangement.panels)) == ((), 10)
    assert [len(arrangement.of(panel)) for panel in arrangement.panels] == [1] * 10
    assert len(arrange(grid(model=list("abcdefghij"), width=[1, 2]), ["model"]).panels) == 20


def test_what_has_no_room_is_said():
    arrangement = arrange(grid(model=[f"m{k}" for k in range(MOST_PANELS + 3)]))
    kept, notes = at_most(arrangement, MOST_PANELS)
    assert len(kept.panels) == MOST_PANELS
    assert notes == (f"3 of {MOST_PANELS + 3} cells are not drawn: at most {MOST_PANELS} panels",)
    kept, notes = at_most(arrangement, 8, each=2)
    assert len(kept.panels) == 4
    assert notes == (f"23 of 27 cells are not drawn: at most 8 panels; a figure that the suite declares has up to {MOST_PANELS}",)
    assert at_most(arrangement, 27) == (arrangement, ())


def test_failed_runs_have_no_points():
    runs = architectures()
    cell = grid_cells(runs)[3]
    assert len(points_of(cell, frame({"of": row} for row in runs["row"]))) == 2


def test_one_seed_is_said():
    arrangement = arrange(grid_cells(batch_sizes(seeds=1)))
    assert subtitle(arrangement) == "one seed: no interval can be given"
    assert seeds(grid_cells(batch_sizes(seeds=1))) == "n = 1"
