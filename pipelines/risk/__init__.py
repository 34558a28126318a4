"""Risk: every order request approved or denied, by limits that are events on the log."""
