"""For testing contracts: the pytest fixture `actum` with a database of its own, and a clock that tests move."""
