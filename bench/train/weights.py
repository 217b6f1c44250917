"""Final weights that are kept: a file per network, whose name is the SHA-256 of its content."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench import files
from bench.errors import Place, StorageError

SUFFIX = ".pt"


@dataclass(frozen=True)
class WeightStore:
    """Where final weights lie.

    Args:
        folder: the folder; it is made when something is kept.
    """

    folder: Path

    def keep(self, weights: Mapping[str, Tensor]) -> str:
        """Write parameters and buffers; the same ones are written once.

        Args:
            weights: name -> tensor, on any device.

        Returns:
            The SHA-256 of the file, which names it.

        Raises:
            StorageError: if the disk refuses.
        """
        buffer = io.BytesIO()
        # A copy: a tensor that is a part of a larger one would be written with all of it.
        torch.save({name: tensor.detach().cpu().clone() for name, tensor in weights.items()}, buffer)
        content = buffer.getvalue()
        digest = hashlib.sha256(content).hexdigest()
        path = self.path(digest)
        files.check_writable(self.folder)
        if path.exists():
            # A damaged file is replaced: its name says what it has to be.
            if _digest(path) != digest:
                files.replace(path, content)
        else:
            files.publish(path, content, verify=lambda written: _check(written, digest), exist_ok=True)
        return digest

    def load(self, digest: str, device: torch.device) -> dict[str, Tensor]:
        """Read weights that were kept; nothing but tensors is ever unpickled.

        Args:
            digest: what `keep` returned.
            device: where the tensors go.

        Returns:
            Name -> tensor.

        Raises:
            StorageError: if the file is missing or damaged.
        """
        path = self.path(digest)
        hint = "Copy it from where it was made, or train the run again with --force."
        if not path.is_file():
            raise StorageError("the kept weights are missing", Place(str(path)), hint)
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != digest:
                raise StorageError("damaged: its content is not what its name says", Place(str(path)), hint)
            weights: dict[str, Tensor] = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            raise StorageError(f"cannot be read: {error}", Place(str(path)), hint) from error
        return weights

    def path(self, digest: str) -> Path:
        """The file of a digest."""
        return self.folder / f"{digest}{SUFFIX}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check(path: Path, digest: str) -> None:
    if _digest(path) != digest:
        raise StorageError("was not written as meant: what the disk gives back is something else", Place(str(path)))
