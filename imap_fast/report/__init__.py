"""The report: one HTML file that shows where and when each concept is, and which heads say so.

`write.py` puts it together from the video (`footage.py`), the maps (`planes.py`), everything else that is known
(`content.py`), the figures (`figures.py`), and the page itself (`page/`).
"""

from imap_fast.report.write import write_report

__all__ = ["write_report"]
