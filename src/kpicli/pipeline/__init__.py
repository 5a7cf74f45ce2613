"""The verbs that join the steps: files to store (`ingest`), store to report (`report`), store to rows (`export`)."""
