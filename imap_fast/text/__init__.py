"""What a trace looks for: concepts, and the words of a prompt."""
