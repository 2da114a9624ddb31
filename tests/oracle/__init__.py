"""An oracle that knows no adapter: the maps from the attention calls of a stock model."""
