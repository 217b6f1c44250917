"""What a registry's folders hold, and what of it is of no use, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.registry.schema import TABLES
from bench.registry.store import Registry
from bench.registry.strays import AGES, Stray
from bench.report.table import Table, text_table


def soundness_table(registry: Registry) -> Table:
    """Read every file of a registry whole, and count.

    Args:
        registry: its `faults` name afterwards what cannot be used.

    Raises:
        StorageError: if the folder is no registry.
    """
    faults = Counter(fault.path.parent for fault in registry.verify())
    holdings = registry.holdings()
    strays = [stray for stray in registry.strays() if stray.kind != "lease"]
    found = Counter(stray.path.parent for stray in strays)
    folders = [registry.root, *(registry.root / name for name in TABLES)]
    folders += sorted({*faults, *found} - set(folders))
    rows = []
    for folder in folders:
        files, held = holdings.get(folder.name, ("", "")) if folder != registry.root else ("", "")
        rows.append((f"{folder}/", str(files), str(held), str(faults[folder]), str(found[folder])))
    kinds = Counter(stray.kind for stray in strays)
    notes = ["Strays, which nothing reads: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) + "."] if strays else []
    notes += ["bench gc lists and removes those that nobody needs."] if any(stray.kind in AGES for stray in strays) else []
    return text_table("Registry", ("folder", "files", "rows", "cannot be used", "strays"), rows, notes)


def strays_table(strays: Sequence[Stray]) -> Table:
    """A table of what nobody needs, with the kinds of `bench.registry.strays.Stray`."""
    rows = [(str(stray.path), stray.kind, str(stray.size)) for stray in strays]
    return text_table("What nobody needs", ("file", "kind", "bytes"), rows)
