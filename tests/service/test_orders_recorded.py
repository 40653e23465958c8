"""Conversations about orders that real gateways had, played to the service over the wire: it shows what they tell, and no more.

The player is a TWS server of its own, not the simulator.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Service, running_service
from tests.service.player import VERSION, Player
from tests.service.scripted import Scripted, running_script

CONVERSATIONS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data/order_conversations.json").read_text())["conversations"]
_TYPES = {"limit": "LMT", "market": "MKT", "trailing_stop": "TRAIL"}
_NUMBERS = frozenset({"filled_quantity", "remaining_quantity", "quantity", "average_price", "commission", "revision"})


class Play:
    """One conversation with one service."""

    def __init__(self, conversation: dict[str, Any], service: Service, player: Player, scripted: Scripted) -> None:
        self._name = str(conversation["next_id"])
        self._service = service
        self._player = player
        self._scripted = scripted
        self._order_ids: list[str] = []
        self._members: list[str] = []
        """The children of the last order."""

    async def act(self, act: dict[str, Any]) -> None:
        """Have one act played, and see what the service makes of it."""
        if "place" in act:
            self._player.said = act["said"]
            await self._place(act["place"], act["shows"]["status"])
            sent, wire = self._player.requests[-1], act.get("wire", [])
            assert any(sent[at : at + len(wire)] == wire for at in range(len(sent))), sent
        elif "change" in act:
            self._player.said = act["said"]
            changed = await self._service.http.patch(f"/orders/{self._order_ids[-1]}", json={"change_id": "c-1", **act["change"]})
            assert changed.status_code == 200, changed.text
        elif "cancel" in act:
            self._player.said = act["said"]
            await self._service.http.delete(f"/orders/{self._order_ids[act['cancel']]}")
        elif "reconnect" in act:
            await self._reconnect(act)
        else:
            await self._player.speak(self._scripted, act["said"])
        await self._until(self._order_ids[-1], act["shows"])
        for order_id, wanted in zip(self._members, act.get("members", []), strict=True):
            await self._until(order_id, wanted)

    async def _place(self, order: dict[str, Any], status: str) -> None:
        body = {"client_order_id": f"{self._name}-{len(self._order_ids)}", "instrument": {"symbol": "AAPL"}, **order}
        answer = await self._service.http.post("/orders", json=body)
        assert answer.status_code == (422 if status == "rejected" else 201), answer.text
        shown = answer.json().get("order", answer.json())
        self._order_ids.append(shown["order_id"])
        group = shown.get("group") or {"members": []}
        self._members = [member["order_id"] for member in group["members"] if member["order_id"] != shown["order_id"]]
        sent = self._player.requests[-1 - len(self._members)]
        wanted = [order["side"].upper(), str(order["quantity"]), _TYPES[order["type"]], order["time_in_force"].upper()]
        assert [sent[16], sent[17], sent[18], sent[21]] == wanted
        assert (float(sent[19]) if sent[19] else None) == order.get("limit_price")
        assert sent[26] == shown["ib"]["order_ref"]

    async def _reconnect(self, act: dict[str, Any]) -> None:
        if "completed" in act:
            list(self._player.orders.values())[-1].completed = act["completed"]
        self._player.next_id = act["reconnect"]
        before = (await self._service.get("/trading"))["reconciled"]["epoch"]
        await self._scripted.close()
        await self._service.until("/trading", lambda answer: (answer.json()["reconciled"] or {"epoch": 0})["epoch"] > before)

    async def _until(self, order_id: str, shows: dict[str, Any]) -> None:
        wanted = {name: float(value) if name in _NUMBERS and value is not None else value for name, value in shows.items()}

        def fits(answer: Any) -> bool:
            order = answer.json()
            shown = {name: order[name] for name in wanted} | {"warnings": [each["ib_code"] for each in order["warnings"]]}
            return all(shown[name] == value for name, value in wanted.items())

        await self._service.until(f"/orders/{order_id}", fits)


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda each: each["name"])
async def test_recorded_conversation_gives_the_states_fills_and_commissions_that_it_tells(
    conversation: dict[str, Any], tmp_path: Path
) -> None:
    player = Player(conversation)
    async with (
        running_script(player.script, version=VERSION) as scripted,
        running_service(
            gateway_port=scripted.port,
            trading="paper",
            state_path=str(tmp_path),
            journal_ephemeral=True,
            max_order_notional=None,
            max_day_notional=None,
        ) as service,
    ):
        await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
        play = Play(conversation, service, player, scripted)
        for act in conversation["acts"]:
            await play.act(act)
        assert len(player.requests) == sum(map(_messages, conversation["acts"])), "each was sent once"
        assert (await service.get("/trading"))["halted"] is None


def _messages(act: dict[str, Any]) -> int:
    """How many placeOrder messages an act is: a change is one, a bracket one for each member."""
    return int("change" in act) + (1 + len(act["place"].get("bracket", ())) if "place" in act else 0)
