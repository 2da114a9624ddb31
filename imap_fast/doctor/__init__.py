"""`imap-fast doctor`: what can run on this machine, and how much memory a model will need."""
