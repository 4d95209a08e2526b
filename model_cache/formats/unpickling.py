"""
Read a pickle as data: nothing that it names is imported, and nothing that it asks for is called.

Exactly the operations of torch.load(weights_only=True) are known (torch/_weights_only_unpickler.py), so the loaders too refuse
what is refused here. A class or function becomes a `Global`; a call becomes a `Call` and is never made.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

MAX_STEPS = 1_000_000  # a training file with 4000 tensors takes 250 000
_ORDERED_DICT = "collections.OrderedDict"


class NotPlainData(ValueError):
    """The pickle is damaged, or holds an operation that has no place in a checkpoint."""


@dataclass(frozen=True, slots=True)
class Global:
    """The name of a class or a function."""

    name: str


@dataclass(eq=False, slots=True)
class Call:
    """A call that is not made: its Global, its arguments, and the state that the result would have been given."""

    what: Global
    arguments: tuple[Any, ...]
    state: Any = None


@dataclass(frozen=True, slots=True)
class Persistent:
    """The id of an object outside the pickle."""

    key: tuple[Any, ...]


@dataclass
class Unpickler:
    """Interprets one pickle; `read` returns its object, `globals` are the names that it asked for."""

    data: bytes
    globals: set[str] = field(default_factory=set)
    _position: int = 0
    _stack: list[Any] = field(default_factory=list)
    _marks: list[list[Any]] = field(default_factory=list)
    _memo: dict[int, Any] = field(default_factory=dict)

    def read(self) -> Any:
        """The pickled object. Raises NotPlainData."""
        try:
            return self._run()
        except (IndexError, KeyError, TypeError, ValueError, struct.error) as error:
            if isinstance(error, NotPlainData):
                raise
            raise NotPlainData(f"its pickle is damaged at byte {self._position} ({type(error).__name__})") from error

    def _run(self) -> Any:
        for _ in range(MAX_STEPS):
            code = self._take(1)
            if code == b".":
                return self._stack.pop()
            operation = self._OPERATIONS.get(code)
            if operation is None:
                raise NotPlainData(f"its pickle holds the operation {code!r}, which no checkpoint needs")
            operation(self)
        raise NotPlainData(f"its pickle takes more than {MAX_STEPS} steps")

    def _take(self, size: int) -> bytes:
        taken = self.data[self._position : self._position + size]
        if len(taken) < size:
            raise NotPlainData("its pickle ends in the middle")
        self._position += size
        return taken

    def _line(self) -> str:
        end = self.data.index(b"\n", self._position)
        return self._take(end + 1 - self._position)[:-1].decode("utf-8")

    def _number(self, layout: str) -> Any:
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _global(self) -> None:
        found = Global(f"{self._line()}.{self._line()}")
        self.globals.add(found.name)
        self._push(found)

    def _call(self) -> None:
        arguments, what = self._stack.pop(), self._stack.pop()
        if not isinstance(what, Global) or not isinstance(arguments, tuple):
            raise NotPlainData("its pickle calls something that is not a name")
        if what.name == _ORDERED_DICT:
            self._push(_dictionary(*arguments))
        else:
            self._push(Call(what, arguments))

    def _build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Call):
            target.state = state
        elif not isinstance(target, dict):  # a state_dict's _metadata is ignored
            raise NotPlainData("its pickle gives a state to plain data")

    def _persistent(self) -> None:
        key = self._stack.pop()
        if not isinstance(key, tuple):
            raise NotPlainData("its pickle refers to something that is not a storage")
        self._push(Persistent(key))

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise NotPlainData("its pickle sets an item of something that is not a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_hashable(key)] = value

    def _set_one(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set([key, value])

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise NotPlainData("its pickle appends to something that is not a list")
        target.extend(items)

    def _tuple(self, size: int) -> None:
        if len(self._stack) < size:
            raise NotPlainData("its pickle takes more than it has")
        items = tuple(self._stack[-size:])
        self._stack[-size:] = [items]

    def _remember(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def _text(self, size: int) -> None:
        self._push(self._take(size).decode("utf-8", "surrogatepass"))

    _OPERATIONS: ClassVar[dict[bytes, Callable[["Unpickler"], None]]] = {
        b"\x80": lambda self: self._protocol(),
        b"(": _mark,
        b"c": _global,
        b"R": _call,
        b"\x81": _call,  # NEWOBJ
        b"b": _build,
        b"Q": _persistent,
        b"a": lambda self: self._extend([self._stack.pop()]),
        b"e": lambda self: self._extend(self._since_mark()),
        b"s": _set_one,
        b"u": lambda self: self._set(self._since_mark()),
        b"t": lambda self: self._push(tuple(self._since_mark())),
        b"\x85": lambda self: self._tuple(1),
        b"\x86": lambda self: self._tuple(2),
        b"\x87": lambda self: self._tuple(3),
        b"N": lambda self: self._push(None),
        b"\x89": lambda self: self._push(False),
        b"\x88": lambda self: self._push(True),
        b")": lambda self: self._push(()),
        b"]": lambda self: self._push([]),
        b"}": lambda self: self._push({}),
        b"\x8f": lambda self: self._push(set()),
        b"J": lambda self: self._push(self._number("<i")),
        b"K": lambda self: self._push(self._number("<B")),
        b"M": lambda self: self._push(self._number("<H")),
        b"G": lambda self: self._push(self._number(">d")),
        b"\x8a": lambda self: self._push(int.from_bytes(self._take(self._number("<B")), "little", signed=True)),
        b"X": lambda self: self._text(self._number("<I")),
        b"U": lambda self: self._text(self._number("<B")),
        b"h": lambda self: self._push(self._memo[self._number("<B")]),
        b"j": lambda self: self._push(self._memo[self._number("<I")]),
        b"q": lambda self: self._remember(self._number("<B")),
        b"r": lambda self: self._remember(self._number("<I")),
    }

    def _protocol(self) -> None:
        if (protocol := self._number("<B")) != 2:  # noqa: PLR2004 - what torch.save writes
            raise NotPlainData(f"its pickle has protocol {protocol}, torch.save writes 2")


def _dictionary(pairs: Any = ()) -> dict[Any, Any]:
    return {_hashable(key): value for key, value in pairs}


def _hashable(key: Any) -> Any:
    """Refuse keys that are tuples: hashing deeply nested ones can take forever."""
    if not isinstance(key, str | int | float | bytes | None):
        raise NotPlainData("its pickle has a dictionary with keys that are neither text nor numbers")
    return key
