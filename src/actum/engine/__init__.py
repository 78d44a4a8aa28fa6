"""The loops of a worker, and the runner that carries out what a workflow's body asks for."""
