"""When a concept is active: two levels of its saliency over time, and the intervals of the higher one."""
