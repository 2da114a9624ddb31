"""Do the maps find what they are named after? Localization against masks, with confidence intervals.

```python
from imap_fast.evaluate import demo_world, evaluate

found = evaluate(pipe, demo_world(200), layers=[…], steps=[…])
found.estimates()["object"]["spatial_auc"]["imap"].mean
```

`imap_fast.evaluate.datasets` reads other data, `imap_fast.evaluate.localization` says what is measured, and
`imap_fast.metrics.ranking` has each measure by itself.
"""

from imap_fast.evaluate.datasets import demo_world, palette_masks, video_list
from imap_fast.evaluate.evaluation import Evaluation
from imap_fast.evaluate.journal import Journal
from imap_fast.evaluate.run import evaluate

__all__ = ["Evaluation", "Journal", "demo_world", "evaluate", "palette_masks", "video_list"]
