"""The networks of peers that no installed package can build, under the parameter names of their published weights."""
