"""YAML as people write it, read strictly: plain words, numbers, lists and tables, each with its line.

Of YAML's surprises none is kept: `12:00` and `2026-01-01` are texts, `on` and `yes` are words, a key stands once, and
there are no references, so that a small text cannot become a large document.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

LONGEST = 200_000
"""Characters."""

Path = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong where in the data; `line` counted from 1."""

    path: Path
    reason: str
    line: int | None = None


@dataclass(slots=True)
class Text:
    """What was read: data that JSON can hold, the line of each path, what was wrong with it."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)

    def line_of(self, path: Path) -> int | None:
        """The line of what is at this path; of what it would be in where it is missing; None for the whole."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines[path] if path else None


def read(text: str) -> Text:
    """The data of a YAML text with all that is wrong with its form."""
    if len(text) > LONGEST:
        return Text(flaws=[Flaw((), f"文件过大，最多{LONGEST}个字符")])
    read_text = Text()
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is not None:
            read_text.data = _value(node, (), loader, read_text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = f"不是有效的YAML：{error.problem or error.context}"
        read_text.flaws.append(Flaw((), reason, mark.line + 1 if mark else None))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        read_text.flaws.append(Flaw((), f"不是有效的YAML：{type(error).__name__}"))
    return read_text


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012  PyYAML's own way to say it

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            raise yaml.MarkedYAMLError(problem="不能使用引用（& 和 *），请写全", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]{0,17})$"), list("-0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^-?[0-9]{1,18}\.[0-9]+$"), list("-0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])


def _value(node: yaml.Node, path: Path, loader: _Loader, into: Text) -> Any:
    into.lines.setdefault(path, node.start_mark.line + 1)
    if node.tag not in _PLAIN:
        raise yaml.MarkedYAMLError(problem=f"不能使用类型标记 {node.tag}", problem_mark=node.start_mark)
    if isinstance(node, yaml.MappingNode):
        return _table(node, path, loader, into)
    if isinstance(node, yaml.SequenceNode):
        return [_value(one, (*path, index), loader, into) for index, one in enumerate(node.value)]
    return loader.construct_object(node, deep=True)


def _table(node: yaml.MappingNode, path: Path, loader: _Loader, into: Text) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="键必须是文字", problem_mark=key.start_mark)
        at = (*path, key.value)
        if key.value in table:
            first = into.lines[at]
            into.flaws.append(Flaw(at, f"“{key.value}”写了两次（第一次在第{first}行）", line))
            continue
        into.lines[at] = line
        table[key.value] = _value(value, at, loader, into)
    return table


_PLAIN = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "int", "float", "null", "seq", "map"))
