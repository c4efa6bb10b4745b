"""The folders that a start is made from: the built layer, the functions, the runtime's boto3."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cold_start.environment import FUNCTIONS, LAMBDA
from local.artefacts import ROOT, runtime_libraries

HERE = Path(__file__).parent
BUILT = ROOT / ".aws-sam" / "build" / "CachegateLayer" / "python"
SOURCE, BYTE_CODE, BARE = "from source", "with byte code", "bare"
# -S and -P: nothing but the folders that are named. -B: a start leaves nothing for the next one.
PYTHON = (sys.executable, "-S", "-P", "-E", "-B")


class StartError(RuntimeError):
    """A start failed, or was not what it is taken for."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Copies of what is started, in a scratch folder."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Stage:
        """Copy the built layer with and without byte code; raise StartError where there is none."""
        if not BUILT.is_dir():
            raise StartError("there is no built layer: run `make build`")
        stage = cls(folder)
        for kind in (SOURCE, BYTE_CODE):
            shutil.copytree(
                BUILT, stage.layer(kind), ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
            )
        for name in FUNCTIONS:
            shutil.copytree(
                ROOT / "functions" / name,
                folder / name,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        # The layer's byte code as its makefile makes it, for the Python that runs this; the runtime
        # has byte code of its boto3.
        _compile(stage.layer(BYTE_CODE), "--invalidation-mode", "unchecked-hash")
        _compile(*runtime_libraries(folder).iterdir())
        return stage

    def layer(self, kind: str) -> Path:
        """Return the layer of a kind."""
        return self.folder / kind.replace(" ", "-")

    def start(
        self, function: str, kind: str, clients: list[Any] | None = None, *, record: bool = False
    ) -> dict[str, Any]:
        """Start a function, or the bare handler with clients, and return what that took.

        Raise StartError where it failed, or took modules from elsewhere.
        """
        runtime = runtime_libraries(self.folder)
        environment = LAMBDA | FUNCTIONS[function] | ({"RECORD": "1"} if record else {})
        if kind == BARE:
            arguments = ["bare_handler", str(HERE), str(runtime)]
            environment["CLIENTS"] = json.dumps(clients)
        else:
            arguments = ["app", str(self.folder / function), str(self.layer(kind)), str(runtime)]
        ended = subprocess.run(
            [*PYTHON, str(HERE / "child.py"), *arguments],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ended.returncode:
            raise StartError(f"{function}, {kind}: {ended.stderr.strip()[-2000:]}")
        took: dict[str, Any] = json.loads(ended.stdout)
        self._verify(took, kind)
        return took

    def _verify(self, took: dict[str, Any], kind: str) -> None:
        runtime = runtime_libraries(self.folder)
        for name, file in took["files"].items():
            home = runtime if name.startswith("boto") else self.layer(kind)
            if not file.startswith(f"{home}{os.sep}"):
                raise StartError(f"{kind}: {name} came from {file}, not from {home}")
        compiled = {name.split(".")[0] for name in took["compiled"]}
        wanted = {"botocore"} | ({"cachegate"} if kind == BYTE_CODE else set())
        if compiled != wanted:
            raise StartError(f"{kind}: there was byte code of {compiled}, not of {wanted}")


def size(folder: Path) -> tuple[int, int]:
    """Return the bytes of all files of a layer, unpacked and zipped."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    packed = folder.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, Path("python") / path.relative_to(folder))
    return sum(path.stat().st_size for path in files), packed.stat().st_size


def _compile(*what: Path | str) -> None:
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", *map(str, what)],
        check=True, env=os.environ | {"PYTHONHASHSEED": "0"},
    )  # fmt: skip
