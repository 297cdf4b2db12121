"""Package repositories, one module a kind."""
