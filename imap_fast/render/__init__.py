"""Pictures from plain arrays: labels, values and times. Nothing here knows where the values come from."""
