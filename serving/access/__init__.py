"""Who may ask the service, and for what: on this machine everybody, elsewhere by token or through a proxy.

Leaves out: what requests may hold, and from which pages they may come (serving/http/shield).
"""

from serving.access.callers import Caller, caller_of

__all__ = ["Caller", "caller_of"]
