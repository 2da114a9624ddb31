"""The app: a clip or a prompt goes in, and its report comes out, in a browser."""
