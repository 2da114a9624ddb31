"""What the kernels cost: resources compiled for GPUs that need not be there, and times on one that is."""
