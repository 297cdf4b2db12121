"""Where packages come from: repositories, upstream releases, tools."""
