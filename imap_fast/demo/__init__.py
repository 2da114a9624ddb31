"""A small trained model that ships with the package, the rendered world of its training data, and a demo of both."""
