"""What a registry's folders hold, and what of it is of no use, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.registry.layout import COMMIT
from bench.registry.reading import Fault
from bench.registry.schema import TABLES
from bench.registry.store import Registry
from bench.registry.strays import AGES, Stray
from bench.report.table import Table, plain_table

NAMED = 10
"""How many foreign files a note names."""


def soundness_table(registry: Registry) -> Table:
    """Read every file of a registry whole, and count.

    Args:
        registry: its `faults` name afterwards what cannot be used.

    Raises:
        StorageError: if the folder is no registry.
    """
    faulty = registry.verify()
    faults = Counter(fault.path.parent for fault in faulty)
    holdings = registry.holdings()
    strays = [stray for stray in registry.strays() if stray.kind != "lease"]
    found = Counter(stray.path.parent for stray in strays)
    folders = [registry.root, *(registry.root / name for name in TABLES)]
    folders += sorted({*faults, *found} - set(folders))
    rows = []
    for folder in folders:
        files, held = holdings.get(folder.name, ("", "")) if folder != registry.root else ("", "")
        rows.append((f"{folder}/", files, held, faults[folder], found[folder]))
    return plain_table("Registry", ("folder", "files", "rows", "cannot be used", "strays"), rows, _said(faulty, strays))


def _said(faults: Sequence[Fault], strays: Sequence[Stray]) -> list[str]:
    """The verdict, and which files are strays."""
    notes = [
        f"{len(faults)} cannot be used; each is named with its reason. Move them away: bench run trains again what is lost."
        if faults
        else "Sound: every file was read whole, and is what was written."
    ]
    if any(fault.path.parent.name == COMMIT for fault in faults):
        notes.append(f"Files of {COMMIT} are among them, so that nobody can tell which other files they need: orphans are not looked for.")
    kinds = Counter(stray.kind for stray in strays)
    if kinds:
        notes.append("Strays, which nothing reads: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) + ".")
    foreign = [str(stray.path) for stray in strays if stray.kind not in AGES]
    if foreign:
        notes.append(f"Not of bench, and left alone: {', '.join(foreign[:NAMED])}{', …' if len(foreign) > NAMED else ''}.")
    if len(foreign) < len(strays):
        notes.append("bench gc lists and removes those that nobody needs.")
    return notes


def strays_table(strays: Sequence[Stray]) -> Table:
    """A table of what nobody needs, with the kinds of `bench.registry.strays.Stray`."""
    rows = [(str(stray.path), stray.kind, stray.size) for stray in strays]
    note = "Files are left while somebody may be at work on them: orphans for a day, temporary files and checkpoints for an hour after they were written."
    return plain_table("What nobody needs", ("file", "kind", "bytes"), rows, [note])
