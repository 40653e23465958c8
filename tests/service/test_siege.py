"""A small siege; `./dev siege` is the large one, which also measures."""

from pathlib import Path

import pytest

from tests.siege.siege import Plan, besiege


@pytest.mark.slow
@pytest.mark.alone
async def test_hostile_clients_are_released_while_others_are_served(tmp_path: Path) -> None:
    plan = Plan(
        connections=150,
        streams=30,
        lorises=20,
        seconds=1,
        seats=100,
        greed_rounds=0,  # test_fairness.py has a few
        manners=("asks", "silent"),
        attackers=2,
        attack_seconds=0.2,
        attacked=(True,),
    )
    findings = await besiege(plan, tmp_path, say=lambda _progress: None)
    assert not findings.broken
    assert findings.refused
