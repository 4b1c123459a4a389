"""A whole run to one page that a clinician can read, and to a few lines for a pull request."""
