"""What the log says happened against what the venue says: positions of record, breaks, halts."""
