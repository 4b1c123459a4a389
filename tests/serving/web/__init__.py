"""Tests of the web page in a browser. A package, so that its browser is closed before the next tests."""
