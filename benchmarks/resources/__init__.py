"""What can be known of the kernels without a GPU: their machine code, and the bytes that a layer must move."""
