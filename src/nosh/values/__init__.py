"""The nouns: frozen values that every other folder speaks in."""
