"""The dashboard and the alert rules ask for metrics and labels that a running service has."""

import json
import re
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from ibactors.web.rest.metrics import metrics_table
from tests.conftest import Service

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS_OWN_LABELS = {"instance", "job"}
_SELECTED = re.compile(r"\b((?:ibactors|process)_\w+)(?:\{([^}]*)\})?")
_GROUPED = re.compile(r"\b(?:by|without) \(([^)]*)\)")
_SAID = re.compile(r"\{\{ ?(?:\$labels\.)?(\w+) ?\}\}")


def dashboard_expressions() -> list[tuple[str, str]]:
    """Each expression with its legend."""
    dashboard = json.loads((DEPLOY / "grafana" / "ibactors.json").read_text())
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return [(target["expr"], target["legendFormat"]) for target in targets]


def alert_expressions() -> list[tuple[str, str]]:
    """Each expression with its summary."""
    rules = (DEPLOY / "prometheus" / "ibactors.rules.yml").read_text()
    found = re.findall(r"- alert: \w+\n +expr: (.+)\n(?: .*\n)*? +summary: (.+)\n", rules)
    assert len(found) == rules.count("- alert:") == rules.count("description:")
    return found


def has(families: list[Metric], name: str, label: str) -> bool:
    return any(label in sample.labels for family in families for sample in family.samples if sample.name == name)


async def families_of(service: Service) -> list[Metric]:
    """The metrics of a service in which something of everything has happened."""
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        await stream.expect("quote")
    await service.get("/market/quote/BADSYM", status=404)
    return list(text_string_to_metric_families((await service.http.get("/metrics")).text))


async def test_dashboard_and_alerts_ask_for_what_there_is(service: Service) -> None:
    families = await families_of(service)
    names = {sample.name for family in families for sample in family.samples} | {family.name for family in families}
    expressions = [*dashboard_expressions(), *alert_expressions()]
    assert len(expressions) > 40
    for expression, text in expressions:
        assert expression.count("(") == expression.count(")"), expression
        selected = _SELECTED.findall(expression)
        assert selected or expression.startswith("up{"), expression
        for name, selector in selected:
            assert name in names or f"{name}_total" in names, expression
            for label in re.findall(r"(\w+)(?:=|!)", selector):
                assert label in PROMETHEUS_OWN_LABELS or has(families, name, label), expression
        asked = [label.strip() for group in _GROUPED.findall(expression) for label in group.split(",")]
        said = [label for label in _SAID.findall(text) if label != "value"]
        for label in {*asked, *said} - PROMETHEUS_OWN_LABELS:
            assert any(has(families, name, label) for name, _ in selected), f"{label} of {expression}"


async def test_every_metric_of_ours_is_on_the_dashboard(service: Service) -> None:
    shown = {name for expression, _ in dashboard_expressions() for name, _ in _SELECTED.findall(expression)}
    left_out = {
        family.name
        for family in await families_of(service)
        if family.name.startswith("ibactors_") and not any(name.startswith(family.name) for name in shown)
    }
    assert left_out == {"ibactors_info"}, "which is what the variable for the instance is made of"


async def test_values_of_labels_that_are_asked_for_exist(service: Service) -> None:
    families = await families_of(service)
    values = {(key, value) for family in families for sample in family.samples for key, value in sample.labels.items()}
    for expression, _ in [*dashboard_expressions(), *alert_expressions()]:
        for label, wanted in re.findall(r'(state|phase|outcome|direction)(?:=~|!=|=)"([^"]+)"', expression):
            for value in wanted.split("|"):
                assert (label, value) in values, expression


def test_document_has_every_metric_with_its_labels_and_meaning() -> None:
    text = (DEPLOY.parent / "docs" / "debugging.md").read_text(encoding="utf-8")
    for name, labels, meaning in metrics_table():
        assert f"| `{name}` | {', '.join(f'`{label}`' for label in labels)} | {meaning} |" in text
