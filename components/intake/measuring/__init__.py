"""Files of cases, to one table of facts: what later judgement looks at, computed once."""
