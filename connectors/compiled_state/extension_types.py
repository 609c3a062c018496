"""What the compiler is told of `state/`: which classes are extension types, and nothing that could change what they do.

Of the annotations only those are kept that name such a class: an argument that is one is reached without a look into
dictionaries. Those of builtin types are taken out, since the compiler would refuse what Python lets pass (a subclass of
`dict`, `NOTHING` for a dictionary); mypy judges them. So a compiled module does what its source says, or fails to compile.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

#: types of attributes that may be told as they are annotated: what is assigned to them is never of a subclass
_PLAIN = ("dict", "list")
#: what keeps variables of a function alive behind it
_CLOSURES = (ast.FunctionDef, ast.Lambda, ast.GeneratorExp, ast.Yield, ast.YieldFrom)


@dataclass
class ExtensionType:
    """A class, what its instances have, and the methods that compiled code may call without a look-up."""

    name: str
    base: str | None
    weak: bool
    attributes: dict[str, str] = field(default_factory=dict)
    methods: list[str] = field(default_factory=list)


@dataclass
class Module:
    """A source, and the extension types in it."""

    name: str
    text: str
    tree: ast.Module
    types: dict[str, ExtensionType] = field(default_factory=dict)


def parse(sources: dict[str, str]) -> dict[str, Module]:
    """Modules by their full names, from their texts."""
    modules = {name: Module(name, text, ast.parse(text)) for name, text in sources.items()}
    homes: dict[str, str] = {}
    for _ in range(3):  # a class may come before its base
        for module in modules.values():
            for node in module.tree.body:
                if isinstance(node, ast.ClassDef) and _is_extension(node, homes):
                    homes[node.name] = module.name
    passed_on = {name for module in modules.values() for name in _passed_on(module.tree)}
    for module in modules.values():
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and homes.get(node.name) == module.name:
                module.types[node.name] = _described(node, set(homes), passed_on)
    return modules


def _passed_on(tree: ast.Module) -> Iterator[str]:
    """Names of attributes that are taken otherwise than to be called at once: methods among them have to be objects."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in called:
            yield node.attr


def _is_extension(node: ast.ClassDef, known: dict[str, str]) -> bool:
    """A plain class, or one of another extension type; named tuples, protocols, data classes and errors stay as they are."""
    bases = [ast.unparse(base) for base in node.bases]
    return not node.decorator_list and len(bases) <= 1 and all(base in known for base in bases)


def _described(node: ast.ClassDef, known: set[str], passed_on: set[str]) -> ExtensionType:
    slots = _slots(node)
    found = ExtensionType(node.name, ast.unparse(node.bases[0]) if node.bases else None, slots is None)
    found.attributes = dict.fromkeys(slots or (), "object")
    for function in node.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for name, kind in _assigned(function, known):
            if (slots is None or name in slots) and found.attributes.get(name, "object") == "object":
                found.attributes[name] = kind
        if function.name not in passed_on and (signature := _signature(function, known)) is not None:
            found.methods.append(signature)
    return found


def _slots(node: ast.ClassDef) -> tuple[str, ...] | None:
    """What `__slots__` lists, None without it."""
    for one in node.body:
        if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "__slots__":
            return tuple(ast.literal_eval(one.value))
    return None


def _assigned(function: ast.FunctionDef, known: set[str]) -> Iterator[tuple[str, str]]:
    """Names and types of the attributes that a method gives its instance."""
    for node in ast.walk(function):
        if isinstance(node, ast.AnnAssign):
            annotation = ast.unparse(node.annotation)
            kind = next((plain for plain in _PLAIN if annotation.startswith(f"{plain}[")), "object")
            pairs: list[tuple[ast.expr, str]] = [(node.target, annotation if annotation in known else kind)]
        elif isinstance(node, ast.Assign):
            made = ast.unparse(node.value.func) if isinstance(node.value, ast.Call) else ""
            whole = [(target, made if made in known else "object") for target in node.targets]
            pairs = [pair for pair in whole if not isinstance(pair[0], ast.Tuple)]
            pairs += [(part, "object") for target, _ in whole if isinstance(target, ast.Tuple) for part in target.elts]
        elif isinstance(node, ast.AugAssign):
            pairs = [(node.target, "object")]
        else:
            continue
        for target, kind in pairs:
            if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                yield target.attr, kind


def _signature(function: ast.FunctionDef, known: Collection[str]) -> str | None:
    """How a method is declared; None for one that the compiler can only call by its name."""
    given = function.args
    odd = given.defaults or given.kwonlyargs or given.vararg or given.kwarg or function.decorator_list
    if (
        odd
        or function.name.startswith("__")
        or any(isinstance(node, _CLOSURES) and node is not function for node in ast.walk(function))
    ):
        return None
    names = [f"{_kind(one.annotation, known)} {one.arg}" for one in given.args[1:]]
    return f"cpdef {function.name}({', '.join(['self', *names])})"


def _kind(annotation: ast.expr | None, known: Collection[str]) -> str:
    name = "" if annotation is None else ast.unparse(annotation).removesuffix(" | None")
    return name if name in known else "object"


def declarations(module: Module, modules: Iterable[Module]) -> str:
    """The module's declarations (`.pxd`): types of other modules that it names, and its own."""
    homes = {name: other.name for other in modules for name in other.types}
    needed = _named(module, homes.keys()) - module.types.keys()
    lines = [f"from {homes[name]} cimport {name}" for name in sorted(needed)]
    for one in module.types.values():
        inside = ["cdef object __weakref__"] if one.weak and one.base is None else []
        inside += [f"cdef public {kind} {name}" for name, kind in one.attributes.items()]
        lines.append(f"cdef class {one.name}{f'({one.base})' if one.base else ''}:")
        lines += [f"    {line}" for line in [*inside, *one.methods] or ["pass"]]
    return "\n".join(["# cython: language_level=3", *lines, ""])


def _named(module: Module, known: Collection[str]) -> set[str]:
    """The extension types that a module's declarations and what is left of its annotations name."""
    annotated = [node.annotation for node in ast.walk(module.tree) if isinstance(node, ast.arg | ast.AnnAssign)]
    named = {_kind(annotation, known) for annotation in annotated}
    for one in module.types.values():
        named.update(one.attributes.values(), [one.base or ""])
    return named & set(known)


def stripped(module: Module, modules: Iterable[Module]) -> str:
    """The module's text, line by line the same, with those annotations alone that name an extension type."""
    known = {name for other in modules for name in other.types}
    lines = [line.encode() for line in module.text.splitlines(keepends=True)]
    for (first, start), (last, end), instead in sorted(_taken_out(module.tree, known), reverse=True):
        for number in range(last, first - 1, -1):
            line = lines[number - 1]
            left, right = (start if number == first else 0), (end if number == last else len(line.rstrip(b"\n")))
            lines[number - 1] = line[:left] + (instead if number == first else b"") + line[right:]
    return b"".join(lines).decode()


Span = tuple[tuple[int, int], tuple[int, int], bytes]


def _taken_out(tree: ast.Module, known: set[str]) -> Iterator[Span]:
    """From where to where (line, byte) annotations stand that are taken out, and what is put there instead."""
    fields = {
        statement
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name not in known
        for statement in node.body
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            if _kind(node.annotation, known) == "object":
                yield (node.lineno, node.col_offset + len(node.arg.encode())), _end(node.annotation), b""
        elif isinstance(node, ast.AnnAssign) and node not in fields and _kind(node.annotation, known) == "object":
            if node.value is None:
                yield (node.lineno, node.col_offset), _end(node.annotation), b"pass"
            else:
                yield _end(node.target), _end(node.annotation), b""


def _end(node: ast.expr) -> tuple[int, int]:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset
