"""A financial adviser's login: groups and aliases of accounts, read and changed."""

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator

import pytest
import trio

from ibactors.sim import Simulator, SimulatorOptions
from tests.sim.rawclient import Bench


def parse(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - the simulator's own


GROUP = (
    '<?xml version="1.0"?><ListOfGroups><Group><name>One</name><ListOfAccts varName="list"><String>DU1</String>'
    "</ListOfAccts></Group></ListOfGroups>"
)


@pytest.fixture
async def adviser(nursery: trio.Nursery) -> AsyncIterator[Bench]:
    options = SimulatorOptions(port=0, control_port=0, rate=20, accounts=("DF0", "DU1", "DU2"))
    bench = Bench(await nursery.start(Simulator(options).run))
    yield bench
    bench.close()
    nursery.cancel_scope.cancel()


async def test_groups_and_aliases_are_told(adviser: Bench) -> None:
    client = await adviser.client()
    await client.send(18, 1, 1)
    groups = await client.find("16", "1", "1")
    found = {g.findtext("name"): [a.text for a in g.iter("String")] for g in parse(groups[3]).iter("Group")}
    assert found == {"All_Accounts": ["DF0", "DU1", "DU2"], "Clients": ["DU1", "DU2"]}
    await client.send(18, 1, 3)
    aliases = await client.find("16", "1", "3")
    assert [a.text for a in parse(aliases[3]).iter("alias")] == ["Adviser", "Client 1", "Client 2"]


async def accounts_of(bench: Bench, group: str) -> set[str]:
    client = await bench.client(len(bench.clients) + 1)
    await client.send(62, 1, 9, group, "NetLiquidation")
    return {f[3] for f in await client.until("64", "1", "9") if f[0] == "63"}


async def test_summary_of_a_group_has_its_accounts(adviser: Bench) -> None:
    assert await accounts_of(adviser, "Clients") == {"DU1", "DU2"}
    assert await accounts_of(adviser, "All") == {"DF0", "DU1", "DU2"}


async def test_replaced_groups_are_those_that_are_told(adviser: Bench) -> None:
    client = await adviser.client()
    await client.send(19, 1, 1, GROUP, 7)
    assert await client.find("103") == ["103", "7", "SUCCESS"]
    await client.send(18, 1, 1)
    assert [g.text for g in parse((await client.find("16"))[3]).iter("name")] == ["One"]
    assert await accounts_of(adviser, "One") == {"DU1"}


@pytest.mark.parametrize("xml", ["", "<a", "<!DOCTYPE x><a/>", GROUP.replace("One", ""), GROUP.replace("DU1", "DU9")])
async def test_groups_that_cannot_be_read_change_nothing(adviser: Bench, xml: str) -> None:
    client = await adviser.client()
    await client.send(19, 1, 1, xml, 7)
    assert (await client.error(7))[0] == 322
    assert await accounts_of(adviser, "Clients") == {"DU1", "DU2"}


async def test_profiles_are_gone(adviser: Bench) -> None:
    client = await adviser.client()
    await client.send(18, 1, 2)
    assert "use FA Group instead" in (await client.error(-1))[1]
