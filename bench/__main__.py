"""``python -m bench`` and the console script: run a command, and turn any error into a message and an exit code."""

from __future__ import annotations

from bench.cli import main

if __name__ == "__main__":
    main()
