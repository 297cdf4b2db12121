"""What an image is made of, as TOML pages."""
