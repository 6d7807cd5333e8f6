"""What mutation testing may leave: `tests/mutation.json` explains variants that there are.

The run itself takes minutes (`python -m tests.mutation`, see CONTRIBUTING.md).
"""

from __future__ import annotations

from tests.mutation import CHECKS, explained, mutants


def test_every_explained_variant_is_one_of_the_code_as_it_is() -> None:
    names = {each.name for path in CHECKS.glob("[!_]*.py") for each in mutants(path)}
    assert len(names) > 500
    assert explained().keys() <= names
    assert all(reason.strip() for reason in explained().values())
