"""The suite behind rows: the present file if there is one, else the copy that was stored with them."""

from __future__ import annotations

from bench import suite as suites
from bench import yaml
from bench.registry.store import Registry


def find_suite(registry: Registry, name: str, digest: str) -> suites.Suite | None:
    """The present file of a suite, or else the copy that was stored with its rows; None if both are lost.

    Args:
        registry: where copies lie.
        name: the suite's name.
        digest: SHA-256 of the copy.
    """
    present = suites.available(suites.folders()).get(name)
    if present is not None:
        return suites.load(present)
    text = registry.suite_text(digest)
    return suites.from_document(name, yaml.parse(text, f"{name}.yaml")) if text is not None else None
