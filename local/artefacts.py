"""Where the code of functions lies: as `sam build` made it, or, newer than that, its sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.template import Code, Template

ROOT = Path(__file__).resolve().parent.parent
SITE = Path(boto3.__path__[0]).resolve().parent
# What the managed Python runtime brings beside the standard library.
RUNTIME = (
    "awslambdaric", "boto3", "botocore", "dateutil", "jmespath", "runtime_client*", "s3transfer",
    "simplejson", "six.py", "snapshot_restore_py*", "urllib3",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Artefacts:
    """The template to deploy, and the folders that its code is run from."""

    template: Path
    built: bool

    def function(self, code: Code) -> Path:
        """Return a function's folder."""
        return self._folder(code)

    def path(self, template: Template, code: Code, folder: Path) -> tuple[Path, ...]:
        """Return where a function finds its layers and the runtime's own libraries.

        From sources, a layer's libraries come from this Python's own site-packages.
        """
        layers = [self._folder(template.layers[each]) for each in code.layers]
        if self.built:
            return (*(layer / "python" for layer in layers), runtime_libraries(folder))
        return (*layers, SITE)

    def _folder(self, code: Code) -> Path:
        return (self.template.parent / code.folder).resolve()


def find(root: Path = ROOT) -> Artefacts:
    """Return what `sam build` left, where it is newer than all that it was made from."""
    built = root / ".aws-sam" / "build" / "template.yaml"
    if built.exists() and built.stat().st_mtime >= max(_times(root)):
        return Artefacts(built, built=True)
    return Artefacts(root / "template.yaml", built=False)


def _times(root: Path) -> Iterable[float]:
    yield (root / "template.yaml").stat().st_mtime
    for folder in ("layers", "functions", "gateway"):
        for path in (root / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.stat().st_mtime


def runtime_libraries(folder: Path) -> Path:
    """Return a folder with nothing but the runtime's libraries: a layer's gap must show."""
    libraries = folder / "runtime"
    if not libraries.exists():
        libraries.mkdir()
        for pattern in RUNTIME:
            for found in SITE.glob(pattern):
                if not found.name.endswith(".dist-info"):
                    (libraries / found.name).symlink_to(found)
    return libraries
