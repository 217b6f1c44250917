"""Lanes: ways of training that all mean the same; a plain loop in ``tests/oracles`` is what each must agree with."""
