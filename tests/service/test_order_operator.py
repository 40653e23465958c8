"""What an admin does by hand when evidence has come to its end."""

from pathlib import Path

from tests.service.trading import place, received, trading_service


async def test_an_unknown_order_is_resolved_by_an_admins_word_and_journaled(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        working = (await place(service)).json()
        refused = await service.http.post(f"/orders/{working['order_id']}/resolve", json={"as": "cancelled"})
        assert (refused.status_code, refused.json()["code"]) == (409, "order_not_resolvable"), refused.text
        await service.gateway.do("sever placeOrder before")
        lost = (await place(service, "o-2", wait=0)).json()
        await service.until(f"/orders/{lost['order_id']}", lambda response: response.json()["status"] == "unknown")
        together = {"order_ids": [lost["order_id"], working["order_id"]], "as": "not_received"}
        assert (await service.http.post("/orders/resolve", json=together)).status_code == 409
        body = {"as": "not_received", "reason": "TWS shows nothing"}
        done = await service.http.post(f"/orders/{lost['order_id']}/resolve", json=body)
        assert (done.status_code, done.json()["status"], done.json()["new_client_order_id_allowed"]) == (200, "not_received", True)
        events = (await service.get(f"/orders/{lost['order_id']}/events"))["events"]
        assert any(event["event"] == "resolved" and "TWS shows nothing" in event["reason"] for event in events)
        again = await place(service, "o-2")
        assert (again.status_code, again.json()["code"]) == (409, "order_not_received")
        wrong = await service.http.post(f"/orders/{lost['order_id']}/resolve", json={"as": "unknown"})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "as"), wrong.text
        assert await received(service) == 2
