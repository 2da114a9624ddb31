"""A small real model that ships with the package, the rendered world it was trained on, and a demo of both."""
