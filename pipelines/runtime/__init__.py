"""How every stage runs: its environment, its local services, the flow around its tasks. One code dependency."""
