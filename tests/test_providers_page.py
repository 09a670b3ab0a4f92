"""docs/providers.md says what the adapters do."""

from tests.providers.page import PAGE, page


def test_the_page_of_providers_is_what_make_docs_writes():
    assert PAGE.read_text() == page(), "run `make docs`"
