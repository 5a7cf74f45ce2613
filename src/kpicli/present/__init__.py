"""Show results: each module takes a finished result and gives text. Nothing is computed here."""
