"""Data from outside, to a plain copy beside its record: archives unpacked safely, what the import is known by."""
