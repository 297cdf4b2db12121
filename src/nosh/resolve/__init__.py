"""From names to exact packages."""
