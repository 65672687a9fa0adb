"""Code objects as they run: their bytes, and the names in them."""

import dis
import functools
import types
from collections.abc import Iterator

_STORE_ATTRIBUTE, _STORE_GLOBAL = dis.opmap["STORE_ATTR"], dis.opmap["STORE_GLOBAL"]
_IMPORT = dis.opmap["IMPORT_NAME"]
_FROM = dis.opmap["IMPORT_FROM"]


@functools.lru_cache(maxsize=4096)
def bytecode(code: types.CodeType) -> tuple[bytes, bytes]:
    """All of a code object but its constants and places in a file."""
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    kinds = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    table = getattr(code, "co_exceptiontable", b"")
    return code.co_code, repr((names, kinds, table)).encode("utf-8", "replace")


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


@functools.lru_cache(maxsize=4096)
def names_in(code: types.CodeType) -> tuple[frozenset[str], ...]:
    """Names in code: all, attributes and globals it sets, modules it imports, parts of these."""
    names: set[str] = set()
    kinds = (_STORE_ATTRIBUTE, _STORE_GLOBAL, _IMPORT, _FROM)
    found: dict[int, set[str]] = {kind: set() for kind in kinds}
    for part in _codes(code):
        names |= set(part.co_names)
        extended = 0
        for opcode, low in zip(part.co_code[::2], part.co_code[1::2], strict=True):
            argument = low | extended
            extended = argument << 8 if opcode == dis.EXTENDED_ARG else 0
            if opcode in found:
                found[opcode].add(part.co_names[argument])
    return frozenset(names), *map(frozenset, found.values())
