from __future__ import annotations

import itertools

import pytest

from bench.report import style
from bench.report.by_cell import cell_panels
from bench.report.drawn import finish
from bench.report.grid import grid_cells
from tests.report.synthetic import batch_sizes


@pytest.mark.parametrize("name", ["one", "a value that is long enough, for several lines of a title, as those of several axes are, one after the other"])
def test_titles_of_many_lines_have_room(name):
    rows = batch_sizes([f"{name} {number}" for number in range(9)])
    with style.styled():
        figure, drawn, _ = cell_panels(grid_cells(rows), 9, "A title", "and what is below it")
        for place, _, title in drawn:
            image = place.imshow([[0, 1], [1, 0]])
            finish(place, title, "across", "down")
        figure.colorbar(image, ax=[place for place, *_ in drawn], label="colour")
    style.png(figure)
    boxes = [place.get_tightbbox(figure.canvas.get_renderer()) for place, *_ in drawn]
    assert len(boxes) == 9
    assert min(box.y0 for box in boxes) >= 0, "cut off below"
    for one, other in itertools.combinations(boxes, 2):
        assert not (one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1)
