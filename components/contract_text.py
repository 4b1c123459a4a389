"""The text of a contract file to plain values, and what a schema finds wrong with them to words for a steward.

YAML is read strictly: a key that stands twice is refused, since the reader would take the last one without a word.
Each fault is told with its line, what stands there, what may stand there and what to do. Leaves out: the schema
(components/contract.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel

from components.errors import ContractError

MAX_BYTES = 4_000_000
# A short text can stand for any number of values, which the schema would go through one by one.
MAX_VALUES = 1_000_000
Location = tuple[int | str, ...]
_LISTED = {
    "a contract": 'docs/data.md lists the keys under "What a contract is"',
    "these options": 'docs/data.md shows them under "Add a seventh dataset"',
}


@dataclass(frozen=True, slots=True)
class Text:
    """A contract file as read: its values, and the line on which each of them stands.

    The options of a reader are checked by that reader: `path` then says which they are, and there are no lines.
    """

    path: Path | str
    value: Any
    lines: Mapping[tuple[str, ...], int]
    what: Literal["a contract", "these options"] = "a contract"

    def line(self, at: Location) -> int | None:
        """The line of a place, or of the nearest one around it (a missing key has none of its own)."""
        around = (tuple(map(str, at[:length])) for length in range(len(at), 0, -1))
        return next((self.lines[one] for one in around if one in self.lines), None)


class _Strict(yaml.SafeLoader):
    """YAML without keys that stand twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As SafeLoader's. A key beside `<<` may stand in what is merged; that is what merging is for."""
        seen: dict[str, int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            line = key.start_mark.line + 1
            if key.value in seen:
                raise _TwiceError(f"`{key.value}` stands on line {seen[key.value]} and again on line {line}")
            seen[key.value] = line
        return super().construct_mapping(node, deep)


# A date stays text, as it was written: PyYAML would fail on one that isn't one without saying where.
_Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _TwiceError(Exception):
    """A key that stands twice."""


class RuleError(ValueError):
    """What a rule of the schema finds wrong with several values together, in words for a person."""

    def __init__(self, found: str, *, expected: str, remedy: str) -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected
        self.remedy = remedy


def read_text(path: Path) -> Text:
    """Read a contract file.

    Raises
    ------
    ContractError
        If it isn't text in UTF-8, isn't YAML, holds a key twice, is empty, or isn't a list of keys with values.
    """
    if (size_bytes := path.stat().st_size) > MAX_BYTES:
        raise ContractError(
            f"{path}: {size_bytes:,} bytes",
            expected=f"at most {MAX_BYTES:,} bytes of text",
            remedy="put what it lists into a file that it names; or another file was meant",
        )
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractError(
            f"{path} isn't text: byte {error.start + 1} isn't UTF-8",
            expected="a text file in UTF-8",
            remedy="save it as plain text in UTF-8; if it is a document or an archive, another file was meant",
        ) from None
    try:
        loader = _Strict(text)
        try:
            node = loader.get_single_node()
            if node is not None and _values(node, {}) > MAX_VALUES:
                raise ValueError(f"it stands for more than {MAX_VALUES:,} values, by names (`*name`) within names")
            value = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except _TwiceError as error:
        raise ContractError(
            f"{path}: {error}", expected="each key once", remedy="remove one of the two, or join what they hold"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _not_yaml(path, text, error) from None
    if not isinstance(value, dict):
        raise ContractError(
            f"{path} is empty" if value is None else f"{path} holds {shown(value)} instead of keys and values",
            expected="lines such as `name: udiat`, each a key and its value",
            remedy="copy the contract of a dataset with a like folder, and change it",
        )
    return Text(path, value, dict(_lines(node, (), set())))


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node holds where each name (`*name`) is spelled out; one that holds itself counts once."""
    if id(node) not in known:
        known[id(node)] = 1
        inner = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else []
        inner += node.value if isinstance(node, yaml.SequenceNode) else []
        known[id(node)] = 1 + sum(_values(part, known) for part in inner)
    return known[id(node)]


def _lines(node: yaml.Node | None, at: tuple[str, ...], seen: set[int]) -> Iterable[tuple[tuple[str, ...], int]]:
    """Where each value stands, by its place; a key's line for what a key holds. What is referred to again (`*name`) is
    gone through once, since it may hold itself."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        inner = [(key.value, key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]
    elif isinstance(node, yaml.SequenceNode):
        inner = [(str(index), value, value) for index, value in enumerate(node.value)]
    else:
        return
    for name, marked, value in inner:
        yield (*at, name), marked.start_mark.line + 1
        yield from _lines(value, (*at, name), seen)


def _not_yaml(path: Path, text: str, error: Exception) -> ContractError:
    mark = getattr(error, "problem_mark", None)
    where = f", line {mark.line + 1}" if mark is not None else ""
    line = text.splitlines()[mark.line] if mark is not None and mark.line < len(text.splitlines()) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return ContractError(
            f"{path}{where}: it begins with a tab",
            expected="blanks in front of keys, as YAML allows no tabs there",
            remedy="replace the tabs by blanks, two for each step",
        )
    if isinstance(error, RecursionError):
        said = "it is nested too deeply"
    elif isinstance(error, yaml.reader.ReaderError):
        said = f"it holds a character that no text has (number {error.character} at position {error.position})"
    else:
        said = " ".join(str(getattr(error, "problem", None) or error).split())
    return ContractError(
        f"{path}{where} isn't YAML: {said}",
        expected="YAML: `key: value` on each line; a text with `: ` or ` #` in it, or beginning with a sign, in quotes",
        remedy="mend that line, or the one above it; often a quote, a bracket or a blank after the colon is missing",
    )


def shown(value: object) -> str:
    """A value as a person would write it, cut where it is long."""
    if isinstance(value, bool):
        return f"{str(value).lower()} (YAML reads a bare yes, no, on or off so)"
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def refusal(text: Text, errors: Sequence[Mapping[str, Any]], *, schema: type[BaseModel]) -> ContractError:
    """What pydantic found, as one error: each place with its line, what is there, what may be, and what to do.

    `schema` is what the values should have been; it tells which keys there are.
    """
    # A list whose entries are wrong is called too short besides.
    within = {tuple(one["loc"][:length]) for one in errors for length in range(len(one["loc"]))}
    kept = [one for one in errors if not (one["type"] == "too_short" and tuple(one["loc"]) in within)]
    told = [_told(text, one, schema=schema) for one in kept]
    listed = [_LISTED[text.what]] if any(one["type"] in ("extra_forbidden", "missing") for one in kept) else []
    many = f" ({len(told)} faults)" if len(told) > 1 else ""
    lead = "\n    " if len(told) > 1 else " "
    return ContractError(
        f"{text.path}{many}:{lead}" + lead.join(one.found for one in told),
        expected="; ".join(dict.fromkeys(one.expected for one in told)),
        remedy="; ".join([*dict.fromkeys(one.remedy for one in told), *listed]),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    found: str
    expected: str
    remedy: str


def _told(text: Text, error: Mapping[str, Any], *, schema: type[BaseModel]) -> _Told:
    at: Location = tuple(part for part in error["loc"] if part != "[key]")
    name, line = ".".join(map(str, at)), text.line(at)
    where = ", ".join(([f"line {line}"] if line is not None else []) + ([name] if name else []))
    where += ": " if where else ""
    kind, context, value = error["type"], error.get("ctx", {}), error.get("input")
    if kind == "extra_forbidden":
        inside = f"under {'.'.join(map(str, at[:-1]))}" if len(at) > 1 else f"of {text.what}"
        known = _keys_at(schema, at[:-1])
        like = difflib.get_close_matches(str(at[-1]), known, n=1)
        return _Told(
            f"{where}no key {inside}" + (f"; `{like[0]}` is one" if like else ""),
            f"keys {inside}: {', '.join(known)}",
            f"correct or remove `{at[-1]}`",
        )
    if kind == "missing":
        return _Told(f"{where}is missing", f"the key {name}", f"add {name}")
    rule = context.get("error")
    if isinstance(rule, RuleError):
        return _Told(where + rule.found, rule.expected, rule.remedy)
    if rule is not None:
        return _Told(f"{where}{rule}", f"values that agree in {name or text.what}", f"correct {name or text.what}")
    quotes = " in quotes" if isinstance(value, bool) and kind == "literal_error" else ""
    return _Told(f"{where}{shown(value)}", f"{name}: {_expected(kind, context)}{quotes}", f"correct {name}")


def _keys_at(schema: type[BaseModel], at: Location) -> tuple[str, ...]:
    """The keys that a schema knows at a place of its values."""
    for name in (one for one in at if isinstance(one, str) and one in schema.model_fields):
        schema = next(_schemas(schema.model_fields[name].annotation), schema)
    return tuple(schema.model_fields)


def _schemas(kind: Any) -> Iterator[type[BaseModel]]:
    """The schemas within a type, such as that in `tuple[Part, ...] | None`."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _schemas(inner)


def _expected(kind: str, context: Mapping[str, Any]) -> str:
    """What the schema wants of a value, by pydantic's kind of error."""
    if kind in _WANTED:
        return _WANTED[kind]
    if kind == "literal_error":
        return str(context["expected"])
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], f"a text of the form {context['pattern']}")
    bounds = {
        "greater_than_equal": "at least {ge:g}",
        "less_than_equal": "at most {le:g}",
        "greater_than": "more than {gt:g}",
        "less_than": "less than {lt:g}",
    }
    return bounds[kind].format(**context) if kind in bounds else kind.replace("_", " ")


_WANTED = {
    "string_type": "a text (in quotes, if it looks like a number, a date or yes and no)",
    "string_too_short": "a text that isn't empty",
    "int_type": "a whole number, without quotes",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "tuple_type": "a list, as in [a, b]",
    "list_type": "a list, as in [a, b]",
    "too_short": "at least one entry",
}
SHA256_PATTERN = r"^[0-9a-f]{64}$"
MD5_PATTERN = r"^[0-9a-f]{32}$"
NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
_PATTERNS = {
    SHA256_PATTERN: "the 64 characters (0 to 9, a to f) that `sha256sum FILE` prints",
    MD5_PATTERN: "the 32 characters (0 to 9, a to f) that `md5sum FILE` prints",
    NAME_PATTERN: "small letters, digits and _, beginning with a letter",
}
