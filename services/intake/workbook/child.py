"""The process that handles one workbook: `python -m services.intake.workbook.child TASK`.

Standard input: the length of an argument (8 bytes), the argument (JSON), the workbook. Standard output: the result; of
reading a line of JSON with the notices, then one for every `ROWS_A_LINE` rows, so that nobody must decode all at once.
Exit codes: 0, or `REFUSED` with the refusal as JSON; anything else is a crash.
"""

import contextlib
import sys
from collections.abc import Callable, Sequence

import orjson
from pydantic import TypeAdapter

from services.intake.workbook.problems import WorkbookRefused
from services.intake.workbook.results import ReadRow, RejectedRow

REFUSED = 3
ROWS_A_LINE = 100
_MEMORY = 3 << 30
_CPU_SECONDS = 150


def framed(argument: bytes, content: bytes) -> bytes:
    return len(argument).to_bytes(8, "big") + argument + content


def main() -> int:
    _limit()
    sent = sys.stdin.buffer.read()
    cut = 8 + int.from_bytes(sent[:8], "big")
    try:
        sys.stdout.buffer.write(_TASKS[sys.argv[1]](sent[cut:], sent[8:cut]))
    except WorkbookRefused as refused:
        sys.stdout.buffer.write(orjson.dumps({"kind": type(refused).__name__, "message": refused.message}))
        return REFUSED
    return 0


def _read(content: bytes, _: bytes) -> bytes:
    from services.intake.workbook.reading import read_workbook

    read, dump = read_workbook(content), TypeAdapter(tuple[ReadRow, ...]).dump_json
    lines = (dump(read.rows[first : first + ROWS_A_LINE]) for first in range(0, len(read.rows), ROWS_A_LINE))
    return b"\n".join([orjson.dumps(read.notices), *lines])


def _error_sheet(content: bytes, argument: bytes) -> bytes:
    from services.intake.workbook.error_sheet import error_sheet

    return error_sheet(content, TypeAdapter(Sequence[RejectedRow]).validate_json(argument))


def _read_fields(content: bytes, argument: bytes) -> bytes:
    from services.intake.workbook.register_lists import FieldRows, Layout, read_fields

    read = read_fields(content, TypeAdapter(Layout).validate_json(argument))
    return TypeAdapter(FieldRows).dump_json(read)


def _fields_error_sheet(content: bytes, argument: bytes) -> bytes:
    from services.intake.workbook.error_sheet import error_sheet
    from services.intake.workbook.register_lists import Layout, find_fields

    layout, rejected = TypeAdapter(tuple[Layout, Sequence[RejectedRow]]).validate_json(argument)
    return error_sheet(content, rejected, find=lambda sheet: find_fields(sheet, layout))


_TASKS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "read": _read,
    "error-sheet": _error_sheet,
    "read-fields": _read_fields,
    "fields-error-sheet": _fields_error_sheet,
}


def _limit() -> None:
    """Limits on memory and time where the system has them."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
