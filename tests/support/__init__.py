"""What the tests share: engines, clients, task definitions, and waiting for a condition."""
