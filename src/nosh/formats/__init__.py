"""What bytes mean: packages, archives, programs."""
