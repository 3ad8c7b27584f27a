"""docs/permissions.md says of every route who may call it."""

from tests.support.permissions import PAGE, page


def test_the_page_is_what_the_services_say() -> None:
    assert PAGE.read_text() == page(), "run `make schemas`, and read what changed"
