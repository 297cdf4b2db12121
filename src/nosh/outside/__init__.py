"""The doors: network, processes, disk, sandbox, clock. Nothing else touches the outside."""
