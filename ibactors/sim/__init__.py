"""A TWS API server: what an IB Gateway looks like to its clients, without Interactive Brokers behind it."""

from ibactors.sim.server import (
    Simulator,
    SimulatorOptions,
    SimulatorPorts,
    serve_simulator,
)

__all__ = ["Simulator", "SimulatorOptions", "SimulatorPorts", "serve_simulator"]
