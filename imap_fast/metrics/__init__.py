"""How well scores match a mask: ranking measures, overlap measures, and confidence intervals."""
