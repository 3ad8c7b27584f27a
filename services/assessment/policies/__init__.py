"""The default policy as data."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DEFAULT = Path(__file__).with_name("default.toml")


def read_file(path: Path | None) -> Mapping[str, Any]:
    """The data of a policy file; of the default one when none is named.

    Raises:
        ValueError: the file is not TOML (tomllib names line and column).
    """
    return tomllib.loads((path or DEFAULT).read_text(encoding="utf-8"))
