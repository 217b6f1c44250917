"""Which files count beside compacted ones: a compacted file stands for the packs that it lists, wherever else these are or come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set


def replaced(lists: Mapping[str, Set[str]]) -> frozenset[str]:
    """The files that others stand for.

    Args:
        lists: stem of a sound file -> the packs that it replaces; none if it is that of a pack itself.

    Returns:
        Stems: of packs, there or not; and of compacted files that list nothing which another does not list too.
    """
    compacted = sorted((stem for stem, packs in lists.items() if packs), key=lambda stem: (-len(lists[stem]), stem))
    inside = {stem for place, stem in enumerate(compacted) if any(lists[stem] <= lists[other] for other in compacted[:place])}
    return frozenset(inside.union(*lists.values()))


def overlapping(lists: Mapping[str, Set[str]]) -> frozenset[str]:
    """The compacted files that hold rows which another one holds too: two registries compacted the same packs, each with others.

    Args:
        lists: stem of a sound file -> the packs that it replaces, without the files that others stand for.

    Returns:
        Their stems.
    """
    listed = Counter(pack for packs in lists.values() for pack in packs)
    twice = {pack for pack, count in listed.items() if count > 1}
    return frozenset(stem for stem, packs in lists.items() if not twice.isdisjoint(packs))
