"""The documents know every fault."""

import pytest

from client_tests.chaos.faults import FAULTS
from client_tests.harness import ROOT

DELIVERY = (ROOT / "docs" / "delivery.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FAULTS)
def test_fault_stands_in_the_table_of_proofs(name: str) -> None:
    """Whoever reads what is promised, finds what proves it."""
    assert f"`{name}`" in DELIVERY
