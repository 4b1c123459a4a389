"""A validation to what people read: report and figures."""
