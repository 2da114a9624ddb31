"""What an hour of film costs, and what its maps are worth: time, memory, arithmetic, quality, and seams."""
