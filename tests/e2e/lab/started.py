"""Components by name, each started at its first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Generic, Protocol, Self, TypeVar


class Stoppable(Protocol):
    def stop(self) -> None: ...


C = TypeVar("C", bound=Stoppable)
K = TypeVar("K")


class Started(Generic[C]):
    """`starters` are given this object, so that one component can be built on another. `stop` ends all, last first."""

    def __init__(self, starters: Mapping[str, Callable[[Any], C]]) -> None:
        self._stack = ExitStack()
        self._starters = starters
        self._started: dict[str, C] = {}

    def start(self, name: str) -> C:
        if name not in self._started:
            component = self._starters[name](self)
            self._stack.callback(component.stop)
            self._started[name] = component
        return self._started[name]

    def start_as(self, kind: type[K], name: str) -> K:
        """The component of that name, which is of that kind."""
        component: object = self.start(name)
        assert isinstance(component, kind)
        return component

    def stop(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
