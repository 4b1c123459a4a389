"""The gate, the promotion, the registry's ledger and the documents of a release."""
