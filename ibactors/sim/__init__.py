"""A TWS API server: what an IB Gateway looks like to its clients, without Interactive Brokers behind it."""

from ibactors.sim.control.scenario import Scenario, parse_scenario, read_scenario
from ibactors.sim.simulator import CannotListen, Simulator, SimulatorOptions, SimulatorPorts, serve_simulator

__all__ = [
    "CannotListen",
    "Scenario",
    "Simulator",
    "SimulatorOptions",
    "SimulatorPorts",
    "parse_scenario",
    "read_scenario",
    "serve_simulator",
]
