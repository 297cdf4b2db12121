"""Where images run: Docker, Podman, nosh's own sandbox."""
