"""Your program on top of a base image: detect what it is, plan, execute."""
