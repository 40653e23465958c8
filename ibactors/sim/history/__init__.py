"""The past of the market: bars, ticks, histograms, schedules, and bars that go on growing."""
