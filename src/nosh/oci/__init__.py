"""Images as the OCI image specification 1.1 describes them, and the places they are kept in."""
