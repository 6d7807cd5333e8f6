"""The administrators' page of the audit log."""
