"""The dependencies of a section, drawn: what rests on what, from left to right.

A claim stands one column right of the last that it rests on; within a column claims are ordered by
the mean height of their neighbours, which keeps most edges from crossing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

COLUMN, ROW, BOX_WIDTH, BOX_HEIGHT, MARGIN = 250, 26, 206, 20, 8
SWEEPS = 6
LABEL = 31  # characters that fit a box


@dataclass(frozen=True)
class Box:
    """A claim at its place."""

    id: str
    label: str
    x: int
    y: int


@dataclass(frozen=True)
class Edge:
    """From a claim to one that rests on it."""

    source: str
    target: str
    path: str


@dataclass(frozen=True)
class Drawing:
    """Boxes and edges with the size of the whole."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int


def columns(ids: Iterable[str], rests_on: Mapping[str, list[str]]) -> dict[str, int]:
    """For each claim the length of the longest chain of claims below it."""
    depth: dict[str, int] = {}

    def measure(id: str) -> int:
        if id not in depth:
            depth[id] = max((measure(o) + 1 for o in rests_on[id]), default=0)
        return depth[id]

    return {id: measure(id) for id in ids}


def _label(id: str) -> str:
    short = id.split(".", 1)[1]
    return short if len(short) <= LABEL else short[:LABEL - 1] + "…"


def draw(rests_on: Mapping[str, list[str]]) -> Drawing:
    """Place claims, given for each the claims of the same drawing that it rests on."""
    linked = {o for others in rests_on.values() for o in others}
    ids = [id for id, others in rests_on.items() if others or id in linked]
    depth = columns(ids, rests_on)
    deepest = max(depth.values(), default=-1)
    layers = [[id for id in ids if depth[id] == d] for d in range(deepest + 1)]
    near: dict[str, list[str]] = {id: list(rests_on[id]) for id in ids}
    for id in ids:
        for other in rests_on[id]:
            near[other].append(id)
    height = {id: float(i) for layer in layers for i, id in enumerate(layer)}
    for _ in range(SWEEPS):
        for layer in layers:
            layer.sort(key=lambda id: sum(height[o] for o in near[id]) / len(near[id]))
            offset = (max(map(len, layers)) - len(layer)) / 2
            height.update({id: i + offset for i, id in enumerate(layer)})
    place = {
        id: (MARGIN + depth[id] * COLUMN, MARGIN + round(height[id] * ROW)) for id in ids
    }
    boxes = tuple(Box(id, _label(id), *place[id]) for layer in layers for id in layer)
    edges = tuple(
        Edge(other, id, _curve(place[other], place[id])) for id in ids for other in rests_on[id]
    )
    return Drawing(
        boxes, edges, max(len(layers), 1) * COLUMN - (COLUMN - BOX_WIDTH) + 2 * MARGIN,
        max(map(len, layers), default=0) * ROW + 2 * MARGIN,
    )


def _curve(start: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = start[0] + BOX_WIDTH, start[1] + BOX_HEIGHT // 2
    u, v = end[0], end[1] + BOX_HEIGHT // 2
    bend = (COLUMN - BOX_WIDTH) // 2 + (u - x) // 6
    return f"M{x} {y}C{x + bend} {y} {u - bend} {v} {u} {v}"
