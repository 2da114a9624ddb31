from tests.docs.fixtures import files, hub

__all__ = ["files", "hub"]
