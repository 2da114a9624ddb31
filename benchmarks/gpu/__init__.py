"""One command for a GPU that is there for minutes: errors first, then the figures that were promised, then the rest."""
