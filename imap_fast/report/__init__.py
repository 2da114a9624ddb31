"""The report: one HTML file that shows where and when each concept is, and which heads were chosen."""
