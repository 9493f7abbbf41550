"""How much of each work a run does, and with which programs."""

from __future__ import annotations

import dataclasses
import pathlib

from rig.loads import Loads
from rig.programs import LOAD
from rig.scene import Scene


@dataclasses.dataclass(frozen=True)
class Run:
    """The settings of one `make bench`."""

    mcp: pathlib.Path
    load: pathlib.Path
    rounds: int
    seconds: float
    streams: int
    routes: int

    def scene(self) -> Scene:
        return Scene(self.mcp, self.load)

    def loads(self, scene: Scene, core: str | None = LOAD) -> Loads:
        return Loads(scene.folder, self.load, core=core)
