"""What tests of several measures share."""

from __future__ import annotations

import pytest

from bench.parts.measures import surface


@pytest.fixture(scope="module")
def pieces_of_the_batch():
    """The batch alone decides how many samples a loss surface takes at once: of such small networks it would be all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surface, "IMAGE", 1)
        yield
